/*
 * schema.c - applies the numbered files.
 *
 * Each file is one transaction, which takes the advisory lock first and looks again what is there:
 * so any number of processes may start at once, and one that dies leaves nothing half done. Table
 * locks are awaited briefly only, because everybody else queues up behind who waits for one.
 *
 * The few statements here are no .sql files because they run before there is a schema.
 */
#include "store/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg_sync_inside.h"
#include "store/schema_files.h"

enum { PATIENCE_MS = 3600000 };

/* From the tables, not by to_regclass(): its cache may be older than the lock we just got. */
static const char is_there[] =
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'wavefleet'),"
        " EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        "          WHERE n.nspname = 'wavefleet' AND c.relname = 'schema_versions')";
static const char newest[] = "SELECT coalesce(max(version), 0) FROM wavefleet.schema_versions";
static const char all[] =
        "SELECT version, checksum FROM wavefleet.schema_versions ORDER BY version";
static const char note[] = "INSERT INTO wavefleet.schema_versions (version, name, checksum)"
                           " VALUES ($1, $2, $3)";
/* The key is any number that nobody else takes: "wavescma". */
static const char lock[] = "SET LOCAL statement_timeout = '1h'; SET LOCAL lock_timeout = '10min';"
                           " SELECT pg_advisory_xact_lock(8602286941354028385);"
                           " SET LOCAL lock_timeout = '10s'";
static const char create_schema[] = "CREATE SCHEMA wavefleet";
static const char create_table[] =
        "CREATE TABLE wavefleet.schema_versions ("
        " version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())";
static const char days[] =
        "SET LOCAL lock_timeout = '2s';"
        " SELECT wavefleet.logs_day(current_date + n) FROM generate_series(0, 2) n";

int schema_version_wanted(void)
{
        return schema_file_count;
}

/* ---- what is there ---- */

struct presence {
        bool schema, table;
};

static void on_presence(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)e;
        struct presence *p = arg;
        p->schema = pg_bool(r, 0, 0, 0);
        p->table = pg_bool(r, 0, 0, 1);
}

static void on_number(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)e;
        *(int *)arg = (int)pg_int(r, 0, 0, 0);
}

static int look(struct pg_sync *c, struct presence *p, int *version, struct err *e)
{
        struct pg_tx *tx = pg_tx_new();
        *version = 0;
        pg_stmt_text(tx, "schema_is_there", is_there);
        if (pg_sync_run(c, tx, on_presence, p, e) < 0)
                return -1;
        if (!p->table)
                return 0;
        tx = pg_tx_new();
        pg_stmt_text(tx, "schema_newest", newest);
        return pg_sync_run(c, tx, on_number, version, e);
}

int schema_version(struct pg_sync *c, int *version, struct err *e)
{
        struct presence p;
        int found = 0;
        if (look(c, &p, &found, e) < 0)
                return err_wrap(e, "could not read the version of the database schema");
        *version = found;
        return 0;
}

/* ---- checksums ---- */

enum { CHECKSUM_SIZE = HASH_HEX_SIZE };

static void checksum(const char *text, char out[CHECKSUM_SIZE])
{
        unsigned char hash[HASH_BYTES];
        hash_sha256(text, strlen(text), hash);
        hash_hex(hash, sizeof(hash), out);
}

/* A landed file that was edited may have left two databases that differ: somebody should know. */
static void on_checksums(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)e;
        (void)arg;
        for (int row = 0; row < pg_rows(r, 0); row++) {
                int64_t version = pg_int(r, 0, row, 0);
                char ours[CHECKSUM_SIZE];
                if (version < 1 || version > schema_file_count)
                        continue;
                const struct schema_file *f = &schema_files[version - 1];
                checksum(f->text, ours);
                if (strcmp(ours, pg_text(r, 0, row, 1)) != 0)
                        log_warn("schema.differs", LI("version", version), LS("name", f->name),
                                 LS("reason",
                                    "the database was made with another text of this file"));
        }
}

static int compare_checksums(struct pg_sync *c, struct err *e)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "schema_all", all);
        return pg_sync_run(c, tx, on_checksums, NULL, e);
}

/* ---- applying ---- */

static int note_file(struct pg_sync *c, const struct schema_file *f, struct err *e)
{
        char sum[CHECKSUM_SIZE];
        checksum(f->text, sum);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "schema_note", note);
        pg_arg_int(tx, f->version);
        pg_arg_text(tx, f->name);
        pg_arg_text(tx, sum);
        return pg_sync_run(c, tx, NULL, NULL, e);
}

/* Within the transaction: the next file that is missing, if one still is. */
static int apply_next(struct pg_sync *c, const struct schema_file **applied, struct err *e)
{
        struct presence p;
        int version;
        *applied = NULL;
        if (pg_sync_script(c, lock, e) < 0 || look(c, &p, &version, e) < 0)
                return -1;
        if (version >= schema_file_count)
                return 0;
        if (!p.schema && pg_sync_script(c, create_schema, e) < 0)
                return -1;
        if (!p.table && pg_sync_script(c, create_table, e) < 0)
                return -1;
        const struct schema_file *f = &schema_files[version];
        if (pg_sync_script(c, f->text, e) < 0 || note_file(c, f, e) < 0)
                return err_wrap(e, "schema file %s", f->name);
        *applied = f;
        return 0;
}

static int apply_one(struct pg_sync *c, struct err *e)
{
        const struct schema_file *applied;
        if (pg_sync_begin(c, e) < 0)
                return -1;
        if (apply_next(c, &applied, e) < 0) {
                pg_sync_rollback(c);
                return -1;
        }
        if (pg_sync_commit(c, e) < 0)
                return -1;
        if (applied)
                log_info("schema.applied", LI("version", applied->version),
                         LS("name", applied->name));
        return 0;
}

/* Of the log: lines of a day without a partition would stand in the rest, and keep that day from getting one. The
 * workers make the next ones (upkeep.sql). */
static void make_days(struct pg_sync *c)
{
        struct err e = ERR_INIT;
        if (pg_sync_script(c, days, &e) < 0)
                log_warn("schema.no_days", LE(&e));
}

static int apply_all(struct pg_sync *c, struct err *e)
{
        int version = 0;
        for (;;) {
                if (schema_version(c, &version, e) < 0)
                        return -1;
                if (version >= schema_file_count)
                        return version ? compare_checksums(c, e) : 0;
                if (apply_one(c, e) < 0)
                        return err_wrap(e, "could not bring the database schema up to date");
        }
}

int schema_apply(struct pg_sync *c, struct err *e)
{
        int64_t patience_ms = pg_sync_set_patience(c, PATIENCE_MS);
        int result = apply_all(c, e);
        if (result == 0)
                make_days(c);
        pg_sync_set_patience(c, patience_ms);
        return result;
}
