/* SQLite's own page cache, with an account of the highest page in it.

   After a commit SQLite has its cache drop the pages behind the end of the database. Its cache remembers the highest page number that it
   ever had, and looks through all of its pages where that is far behind the end. When SQLite balances a tree it gives a page the number
   of the one page that no database has (1,073,741,824 bytes from the start, https://sqlite.org/fileformat2.html#lockbyte) for a moment.
   So every commit that balances a tree goes through the whole cache, which for a database in memory is the whole database: with
   300,000 orders that was two fifths of the time. The account here tells that there is nothing to drop. */
#include "csqlite.h"
#include <stdlib.h>

static sqlite3_pcache_methods2 inner;

struct cache {
    sqlite3_pcache *inner;
    /* No page has a higher number, but for those that were renumbered. */
    unsigned highest;
    /* Pages that were given a number above it, and have it still. */
    unsigned raised;
};

static struct cache *from(sqlite3_pcache *cache) { return (struct cache *)cache; }

static sqlite3_pcache *create(int page_size, int extra_size, int is_purgeable) {
    struct cache *cache = calloc(1, sizeof *cache);
    if (!cache) return NULL;
    cache->inner = inner.xCreate(page_size, extra_size, is_purgeable);
    if (!cache->inner) {
        free(cache);
        return NULL;
    }
    return (sqlite3_pcache *)cache;
}

static void destroy(sqlite3_pcache *cache) {
    inner.xDestroy(from(cache)->inner);
    free(cache);
}

static sqlite3_pcache_page *fetch(sqlite3_pcache *cache, unsigned number, int create_flag) {
    sqlite3_pcache_page *page = inner.xFetch(from(cache)->inner, number, create_flag);
    if (page && number > from(cache)->highest) from(cache)->highest = number;
    return page;
}

static void renumber(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned old_number, unsigned new_number) {
    inner.xRekey(from(cache)->inner, page, old_number, new_number);
    if (new_number > from(cache)->highest) from(cache)->raised += 1;
    if (old_number > from(cache)->highest && from(cache)->raised > 0) from(cache)->raised -= 1;
}

/* Drops all pages from `limit` on. */
static void truncate_at(sqlite3_pcache *cache, unsigned limit) {
    if (limit > from(cache)->highest && from(cache)->raised == 0) return;
    inner.xTruncate(from(cache)->inner, limit);
    from(cache)->highest = limit > 0 ? limit - 1 : 0;
    from(cache)->raised = 0;
}

static void set_size(sqlite3_pcache *cache, int pages) { inner.xCachesize(from(cache)->inner, pages); }
static int count(sqlite3_pcache *cache) { return inner.xPagecount(from(cache)->inner); }
static void unpin(sqlite3_pcache *cache, sqlite3_pcache_page *page, int discard) { inner.xUnpin(from(cache)->inner, page, discard); }
static void shrink(sqlite3_pcache *cache) { inner.xShrink(from(cache)->inner); }

int csqlite_prepare(int blocks) {
    int result = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (result == SQLITE_OK) result = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 1200, blocks);
    if (result == SQLITE_OK) result = sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &inner);
    if (result != SQLITE_OK) return result;
    sqlite3_pcache_methods2 methods = inner;
    methods.xCreate = create;
    methods.xDestroy = destroy;
    methods.xFetch = fetch;
    methods.xRekey = renumber;
    methods.xTruncate = truncate_at;
    methods.xCachesize = set_size;
    methods.xPagecount = count;
    methods.xUnpin = unpin;
    methods.xShrink = shrink;
    return sqlite3_config(SQLITE_CONFIG_PCACHE2, &methods);
}
