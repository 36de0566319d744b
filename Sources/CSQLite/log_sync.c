#include "csqlite.h"

int csqlite_sync_log(sqlite3 *db) {
    sqlite3_file *log = 0;
    int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (result != SQLITE_OK || !log || !log->pMethods) return result;
    return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}
