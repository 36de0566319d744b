/* How SQLite is set up for the whole process. */
#pragma once
#include <sqlite3.h>

/* Before the first database is opened; afterwards it changes nothing and returns SQLITE_MISUSE (sqlite3_config).

   SQLite counts its memory under a lock that every allocation takes, which nobody here reads. Each connection gets room for `blocks`
   small blocks, that they need no allocation: statements that are kept hold the hundred that are usual. A page cache knows which
   pages it has, so that a commit need not look for others (page_cache.c). */
int csqlite_prepare(int blocks);

/* Brings the write-ahead log to the disk, with all commits so far: what SQLite itself does at every commit where `synchronous` is FULL
   (sqlite3WalFrames). With NORMAL and this, whoever commits decides for each commit; the setting itself cannot be changed within a
   transaction. SQLITE_OK where there is no log. */
int csqlite_sync_log(sqlite3 *db);
