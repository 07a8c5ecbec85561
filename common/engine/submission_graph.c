/*
 * submission_graph.c - edges go from a project to those that it depends on, in one array ordered by project.
 * A depth-first walk with its own stack (a chain may be a million long) finds a cycle, if there is one.
 */
#include "engine/submission_graph.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CYCLE_NAMES = 12, NAME_SHOWN = 30, POINTER_SIZE = 96 };

struct graph {
        struct submission *s;
        const char *list;
        const uint32_t *where;
        struct mistakes *m;
        bool starved;    /* there was no memory for it all */
        uint32_t *first; /* of each project's edges; one more than there are projects */
};

/* ---- names into places ---- */

/* Bytes of a name that are shown: whole characters. */
static int shown(const char *name)
{
        size_t len = 0;
        for (size_t n; name[len] && (n = utf8_step(name + len, 4)) && len + n <= NAME_SHOWN;)
                len += n;
        return (int)len;
}

/* `name` is shown between what is said before and after it, cut short. */
static void blame(const struct graph *g, size_t project, const char *before, const char *name,
                  const char *after)
{
        char pointer[POINTER_SIZE];
        int len = shown(name);
        snprintf(pointer, sizeof(pointer), "#/%s/%u/depends_on", g->list, g->where[project]);
        mistake_add(g->m, ERR_INVALID, pointer, "%s \"%.*s%s\"%s", before, len, name,
                    name[len] ? "..." : "", after);
}

static bool grow_edges(struct submission *s, size_t *cap)
{
        size_t more = *cap ? *cap * 2 : 64;
        void *places = mem_try_array(s->places, more, sizeof(*s->places));
        if (places)
                s->places = places;
        void *on_places = places ? mem_try_array(s->on_places, more, sizeof(*s->on_places)) : NULL;
        if (!on_places)
                return false;
        s->on_places = on_places;
        *cap = more;
        return true;
}

static void add_edge(struct graph *g, size_t *cap, size_t from, size_t on)
{
        struct submission *s = g->s;
        g->starved |= s->edges == *cap && !grow_edges(s, cap);
        if (g->starved)
                return;
        s->places[s->edges] = (int32_t)from;
        s->on_places[s->edges++] = (int32_t)on;
}

static void add_edges(struct graph *g, size_t project, size_t *cap, place_fn find, const void *arg)
{
        struct submission *s = g->s;
        const struct submission_project *p = &s->projects[project];
        for (size_t i = 0; i < p->ndepends_on && s->edges < WAVE_EDGES_MAX; i++) {
                int64_t on = find(p->depends_on[i], arg);
                if (on < 0)
                        blame(g, project, "names", p->depends_on[i], ", which is not in this wave");
                else if ((size_t)on == project)
                        blame(g, project, "makes", p->name, " depend on itself");
                else if (s->steering.canary > (int64_t)project && s->steering.canary <= on)
                        blame(g, project, "makes the canary wait for", p->depends_on[i],
                              ", which starts after it");
                else
                        add_edge(g, cap, project, (size_t)on);
        }
}

/* ---- cycles ---- */

enum mark { NEW, OPEN, DONE };

/* "a → b → a": the part of the walk from where it was met again. */
static void print_cycle(const struct graph *g, const uint32_t *walk, size_t depth, uint32_t again)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        char pointer[POINTER_SIZE];
        size_t begin = depth;
        while (walk[begin] != again)
                begin--;
        for (size_t i = begin; i <= depth && i < begin + CYCLE_NAMES; i++) {
                const char *name = g->s->projects[walk[i]].name;
                buf_addf(&text, "%.*s → ", shown(name), name);
        }
        if (depth - begin >= CYCLE_NAMES)
                buf_adds(&text, "... → ");
        const char *name = g->s->projects[again].name;
        snprintf(pointer, sizeof(pointer), "#/%s/%u/depends_on", g->list, g->where[again]);
        mistake_add(g->m, ERR_INVALID, pointer, "goes round in a circle: %s%.*s", buf_str(&text),
                    shown(name), name);
}

static void index_edges(struct graph *g)
{
        const struct submission *s = g->s;
        g->first = mem_try_zeroed(s->count + 1, sizeof(*g->first));
        g->starved |= !g->first;
        if (g->starved)
                return;
        for (size_t i = 0; i < s->edges; i++)
                g->first[s->places[i] + 1]++;
        for (size_t i = 0; i < s->count; i++)
                g->first[i + 1] += g->first[i];
}

/* Walks from one project; true: there is a cycle, which has been printed. */
static bool walk_from(const struct graph *g, uint32_t start, unsigned char *marks, uint32_t *walk,
                      uint32_t *next)
{
        size_t depth = 0;
        walk[0] = start;
        next[0] = g->first[start];
        marks[start] = OPEN;
        for (;;) {
                uint32_t here = walk[depth];
                if (next[depth] == g->first[here + 1]) {
                        marks[here] = DONE;
                        if (depth-- == 0)
                                return false;
                        continue;
                }
                uint32_t on = (uint32_t)g->s->on_places[next[depth]++];
                if (marks[on] == OPEN) {
                        print_cycle(g, walk, depth, on);
                        return true;
                }
                if (marks[on] == NEW) {
                        marks[on] = OPEN;
                        walk[++depth] = on;
                        next[depth] = g->first[on];
                }
        }
}

static void find_cycle(struct graph *g)
{
        size_t count = g->s->count;
        autofree unsigned char *marks = mem_try_zeroed(count, 1);
        autofree uint32_t *walk = mem_try_array(NULL, count, sizeof(*walk));
        autofree uint32_t *next = mem_try_array(NULL, count, sizeof(*next));
        g->starved |= !marks || !walk || !next;
        for (uint32_t i = 0; !g->starved && i < count; i++)
                if (marks[i] == NEW && walk_from(g, i, marks, walk, next))
                        return;
}

int submission_graph(struct submission *s, const char *list, const uint32_t *where,
                     struct mistakes *m, place_fn find, const void *arg)
{
        struct graph g = {.s = s, .list = list, .where = where, .m = m};
        size_t cap = 0, mistakes = m->total;
        for (size_t i = 0; i < s->count && !g.starved; i++)
                if (s->projects[i].ndepends_on)
                        add_edges(&g, i, &cap, find, arg);
        if (s->edges == WAVE_EDGES_MAX)
                mistake_add(m, ERR_INVALID, "#/projects",
                            "must have fewer than %d dependencies in all", WAVE_EDGES_MAX);
        if (s->edges && m->total == mistakes && !g.starved)
                index_edges(&g);
        if (g.first)
                find_cycle(&g);
        free(g.first);
        return g.starved ? -1 : 0;
}
