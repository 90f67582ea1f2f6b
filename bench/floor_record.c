/*
 * floor_record.c - the records of a page: YAJL's events to values, values to a row of SQLite, or beside one.
 */
#include "floor_dataverse.h"

/* ---- SQLite ---- */

static void run_sql(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        die("SQLite", error);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        die("SQLite", sqlite3_errmsg(db));
    return statement;
}

void floor_open_table(floor_run *f)
{
    int raw = f->mode == INSERT_RAW;
    text sql = {0};
    if (f->mode == READ) {
        add_string(&sql, "SELECT row_id");
        for (int i = 0; i < f->n_columns; i++) {
            add_string(&sql, ",\"");
            add(&sql, f->columns[i].name, f->columns[i].length);
            add_string(&sql, "\"");
        }
        add_string(&sql, " FROM \"");
        add_string(&sql, f->set);
        add_string(&sql, "\" ORDER BY row_id");
        f->statement = prepare(f->db, sql.data);
        free(sql.data);
        return;
    }
    add_string(&sql, "CREATE TABLE \"");
    add_string(&sql, f->set);
    add_string(&sql, "\" (row_id INTEGER PRIMARY KEY");
    for (int i = 0; i < f->n_columns; i++) {
        add_string(&sql, ",\"");
        add(&sql, f->columns[i].name, f->columns[i].length);
        add_string(&sql, "\"");
    }
    add_string(&sql, raw ? ",json_response TEXT)" : ")");
    run_sql(f->db, sql.data);
    set_text(&sql, "INSERT INTO \"", 13);
    add_string(&sql, f->set);
    add_string(&sql, "\" VALUES (?");
    for (int i = 0; i < f->n_columns + raw; i++)
        add_string(&sql, ",?");
    add_string(&sql, ")");
    f->statement = prepare(f->db, sql.data);
    free(sql.data);
    run_sql(f->db, "BEGIN");
}

void floor_close_table(floor_run *f)
{
    if (f->mode == READ && sqlite3_step(f->statement) == SQLITE_ROW)
        die("the table has more rows than the organisation", NULL);
    sqlite3_finalize(f->statement);
    f->statement = NULL;
    if (f->mode == READ)
        return;
    text sql = {0};
    add_string(&sql, "COMMIT; CREATE UNIQUE INDEX \"");
    add_string(&sql, f->set);
    add_string(&sql, "_key\" ON \"");
    add_string(&sql, f->set);
    add_string(&sql, "\" (\"");
    add(&sql, f->columns[0].name, f->columns[0].length);
    add_string(&sql, "\")");
    run_sql(f->db, sql.data);
    free(sql.data);
}

/* A decimal without a fraction is stored as a whole number, as dvsync does. */
static int is_whole(const char *p)
{
    p += strcspn(p, ".eE");
    if (*p == '.')
        p += 1 + strspn(p + 1, "0");
    return *p == '\0';
}

static void bind_value(floor_run *f, int i)
{
    const value *v = &f->row[i];
    const char *p = f->values.data + v->start;
    switch (v->type) {
    case '\0':
        sqlite3_bind_null(f->statement, i + 2);
        break;
    case 's':
        sqlite3_bind_text(f->statement, i + 2, p, (int)v->length, SQLITE_STATIC);
        break;
    case 'n':
        if (f->columns[i].kind == 'i' || (f->columns[i].kind == 'n' && is_whole(p)))
            sqlite3_bind_int64(f->statement, i + 2, strtoll(p, NULL, 10));
        else
            sqlite3_bind_double(f->statement, i + 2, strtod(p, NULL));
        break;
    default:
        sqlite3_bind_int(f->statement, i + 2, v->type == 't');
        break;
    }
}

static int same(floor_run *f, int i)
{
    const value *v = &f->row[i];
    const char *p = f->values.data + v->start;
    sqlite3_stmt *s = f->statement;
    int stored = sqlite3_column_type(s, i + 1);
    switch (v->type) {
    case '\0':
        return stored == SQLITE_NULL;
    case 's':
        return stored == SQLITE_TEXT && (size_t)sqlite3_column_bytes(s, i + 1) == v->length &&
               memcmp(sqlite3_column_text(s, i + 1), p, v->length) == 0;
    case 'n':
        if (stored == SQLITE_INTEGER)
            return sqlite3_column_int64(s, i + 1) == strtoll(p, NULL, 10);
        return stored == SQLITE_FLOAT && sqlite3_column_double(s, i + 1) == strtod(p, NULL);
    default:
        return stored == SQLITE_INTEGER && sqlite3_column_int(s, i + 1) == (v->type == 't');
    }
}

static void take_record(floor_run *f, size_t end)
{
    f->table_rows++;
    if (f->mode == READ) {
        int equal = sqlite3_step(f->statement) == SQLITE_ROW;
        for (int i = 0; equal && i < f->n_columns; i++)
            equal = same(f, i);
        f->different += !equal;
        return;
    }
    if (f->mode != INSERT && f->mode != INSERT_RAW)
        return;
    sqlite3_bind_int64(f->statement, 1, (int64_t)f->table_rows);
    for (int i = 0; i < f->n_columns; i++)
        bind_value(f, i);
    if (f->mode == INSERT_RAW)
        sqlite3_bind_text(f->statement, f->n_columns + 2, f->body.data + f->record, (int)(end - f->record),
                          SQLITE_STATIC);
    if (sqlite3_step(f->statement) != SQLITE_DONE)
        die("SQLite", sqlite3_errmsg(f->db));
    sqlite3_reset(f->statement);
    if (f->table_rows % COMMIT_ROWS == 0)
        run_sql(f->db, "COMMIT; BEGIN");
}

void floor_open_database(floor_run *f, const char *file)
{
    if (sqlite3_open(file, &f->db) != SQLITE_OK)
        die("cannot open the database", file);
    run_sql(f->db, "PRAGMA page_size=32768; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
}

void floor_close_database(floor_run *f)
{
    if (f->mode == INSERT || f->mode == INSERT_RAW)
        run_sql(f->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (sqlite3_close(f->db) != SQLITE_OK)
        die("cannot close the database", NULL);
}

/* ---- JSON ---- */

static int put(floor_run *f, char type, const unsigned char *p, size_t length)
{
    if (f->depth == 1 && f->is_link)
        set_text(&f->next, (const char *)p, length);
    if (f->depth != 3 || f->at < 0)
        return 1;
    f->row[f->at] = (value){type, f->values.length, length};
    if (type == 's' && f->columns[f->at].kind == 'z' && length != 0) {
        add(&f->values, (const char *)p, length - 1);
        add(&f->values, ".000000Z", 9);
        f->row[f->at].length += 7;
    } else if (length != 0) {
        add(&f->values, (const char *)p, length);
        add(&f->values, "", 1);
    }
    f->expected = f->at + 1;
    return 1;
}

static int on_null(void *context)
{
    return put(context, '\0', NULL, 0);
}

static int on_boolean(void *context, int yes)
{
    return put(context, yes ? 't' : 'f', NULL, 0);
}

static int on_number(void *context, const char *p, size_t length)
{
    return put(context, 'n', (const unsigned char *)p, length);
}

static int on_string(void *context, const unsigned char *p, size_t length)
{
    return put(context, 's', p, length);
}

static int on_name(void *context, const unsigned char *p, size_t length)
{
    floor_run *f = context;
    f->is_link = f->depth == 1 && length == strlen(NEXT_LINK) && memcmp(p, NEXT_LINK, length) == 0;
    if (f->depth != 3)
        return 1;
    int n = f->n_columns;
    for (int i = 0; i < n; i++) {
        const column *c = &f->columns[(f->expected + i) % n];
        if (c->length == length && memcmp(c->name, p, length) == 0) {
            f->at = (f->expected + i) % n;
            return 1;
        }
        if (memchr(p, '@', length) != NULL)
            break;
    }
    f->at = -1;
    return 1;
}

static int on_start(void *context)
{
    floor_run *f = context;
    if (++f->depth != 3)
        return 1;
    f->record = f->parsed + yajl_get_bytes_consumed(f->parser) - 1;
    f->values.length = 0;
    f->expected = 0;
    memset(f->row, 0, (size_t)f->n_columns * sizeof *f->row);
    return 1;
}

static int on_end(void *context)
{
    floor_run *f = context;
    if (f->depth-- == 3)
        take_record(f, f->parsed + yajl_get_bytes_consumed(f->parser));
    return 1;
}

const yajl_callbacks floor_callbacks = {.yajl_null = on_null,
                                        .yajl_boolean = on_boolean,
                                        .yajl_number = on_number,
                                        .yajl_string = on_string,
                                        .yajl_map_key = on_name,
                                        .yajl_start_map = on_start,
                                        .yajl_end_map = on_end,
                                        .yajl_start_array = on_start,
                                        .yajl_end_array = on_end};
