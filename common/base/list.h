/* list.h - an intrusive doubly linked list: a ring through its head. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

struct list {
        struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
        l->prev = l->next = l;
}
static inline bool list_empty(const struct list *head)
{
        return head->next == head;
}
static inline void list_insert_(struct list *l, struct list *prev, struct list *next)
{
        l->prev = prev;
        l->next = next;
        prev->next = l;
        next->prev = l;
}
static inline void list_push_back(struct list *head, struct list *l)
{
        list_insert_(l, head->prev, head);
}
static inline void list_push_front(struct list *head, struct list *l)
{
        list_insert_(l, head, head->next);
}
/* Leaves l a ring of its own, so that removing it again is harmless. */
static inline void list_remove(struct list *l)
{
        l->prev->next = l->next;
        l->next->prev = l->prev;
        list_init(l);
}
static inline struct list *list_pop_front(struct list *head)
{
        struct list *l = head->next;
        if (l == head)
                return 0;
        list_remove(l);
        return l;
}
/* Moves everything from `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
        if (list_empty(from))
                return;
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        list_init(from);
}
/* Safe against removal of `it` within the body. */
#define LIST_EACH(it, head)                                                                        \
        for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
             it = it##_next, it##_next = it->next)

#endif
