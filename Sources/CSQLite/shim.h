/* What of SQLite's C interface Swift cannot call, since it takes a variable list of arguments. */
#pragma once
#include <sqlite3.h>

/* For the whole process, before its first database is opened; afterwards it changes nothing and returns SQLITE_MISUSE.
   SQLite counts its memory under a lock that every allocation takes, which nobody here reads. Each connection gets room for so many
   small blocks, that they need no allocation: statements that are kept hold the hundred that are usual (sqlite3_config, SQLITE_CONFIG_*). */
static inline int csqlite_prepare(int blocks) {
    int result = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    return result == SQLITE_OK ? sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 1200, blocks) : result;
}
