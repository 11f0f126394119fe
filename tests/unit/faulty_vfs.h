/* tests/unit/faulty_vfs.h: a SQLite VFS over the real one whose n-th write or sync fails: a disk that is full or dying. */
#ifndef HEARSAY_TESTS_FAULTY_VFS_H
#define HEARSAY_TESTS_FAULTY_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* fail_at: which operation from now on fails (1: the next; 0: none); for_good: and all after it. */
static struct { sqlite3_vfs vfs; sqlite3_vfs *real; long done, fail_at; bool for_good; int rc; } faulty;

struct faulty_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *faulty_real(sqlite3_file *f)
{
    return ((struct faulty_file *)f)->real;
}

static bool faulty_strikes(void)
{
    faulty.done++;
    return faulty.fail_at != 0 && (faulty.for_good ? faulty.done >= faulty.fail_at : faulty.done == faulty.fail_at);
}

static int faulty_close(sqlite3_file *f)
{
    sqlite3_file *real = faulty_real(f);
    int rc = real->pMethods != NULL ? real->pMethods->xClose(real) : SQLITE_OK;
    free(real);
    return rc;
}

static int faulty_read(sqlite3_file *f, void *at, int n, sqlite3_int64 from)
{
    return faulty_real(f)->pMethods->xRead(faulty_real(f), at, n, from);
}

static int faulty_write(sqlite3_file *f, const void *at, int n, sqlite3_int64 from)
{
    return faulty_strikes() ? faulty.rc : faulty_real(f)->pMethods->xWrite(faulty_real(f), at, n, from);
}

static int faulty_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return faulty_strikes() ? faulty.rc : faulty_real(f)->pMethods->xTruncate(faulty_real(f), n);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
    return faulty_strikes() ? faulty.rc : faulty_real(f)->pMethods->xSync(faulty_real(f), flags);
}

static int faulty_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return faulty_real(f)->pMethods->xFileSize(faulty_real(f), n);
}

static int faulty_lock(sqlite3_file *f, int how)
{
    return faulty_real(f)->pMethods->xLock(faulty_real(f), how);
}

static int faulty_unlock(sqlite3_file *f, int how)
{
    return faulty_real(f)->pMethods->xUnlock(faulty_real(f), how);
}

static int faulty_reserved(sqlite3_file *f, int *out)
{
    return faulty_real(f)->pMethods->xCheckReservedLock(faulty_real(f), out);
}

static int faulty_control(sqlite3_file *f, int what, void *arg)
{
    return faulty_real(f)->pMethods->xFileControl(faulty_real(f), what, arg);
}

static int faulty_sector(sqlite3_file *f)
{
    return faulty_real(f)->pMethods->xSectorSize(faulty_real(f));
}

static int faulty_traits(sqlite3_file *f)
{
    return faulty_real(f)->pMethods->xDeviceCharacteristics(faulty_real(f));
}

static int faulty_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
    return faulty_real(f)->pMethods->xShmMap(faulty_real(f), region, size, extend, out);
}

static int faulty_shm_lock(sqlite3_file *f, int from, int n, int flags)
{
    return faulty_real(f)->pMethods->xShmLock(faulty_real(f), from, n, flags);
}

static void faulty_shm_barrier(sqlite3_file *f)
{
    faulty_real(f)->pMethods->xShmBarrier(faulty_real(f));
}

static int faulty_shm_unmap(sqlite3_file *f, int gone)
{
    return faulty_real(f)->pMethods->xShmUnmap(faulty_real(f), gone);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2, .xClose = faulty_close, .xRead = faulty_read, .xWrite = faulty_write, .xTruncate = faulty_truncate,
        .xSync = faulty_sync, .xFileSize = faulty_size, .xLock = faulty_lock, .xUnlock = faulty_unlock,
        .xCheckReservedLock = faulty_reserved, .xFileControl = faulty_control, .xSectorSize = faulty_sector,
        .xDeviceCharacteristics = faulty_traits, .xShmMap = faulty_shm_map, .xShmLock = faulty_shm_lock,
        .xShmBarrier = faulty_shm_barrier, .xShmUnmap = faulty_shm_unmap,
    };
    struct faulty_file *file = (struct faulty_file *)f;
    (void)vfs;
    file->base.pMethods = NULL;
    file->real = calloc(1, (size_t)faulty.real->szOsFile);
    if (file->real == NULL)
        return SQLITE_NOMEM;
    int rc = faulty.real->xOpen(faulty.real, name, file->real, flags, out);
    if (rc != SQLITE_OK) {
        free(file->real);
        return rc;
    }
    file->base.pMethods = &methods;
    return SQLITE_OK;
}

/* Every connection opened from now on goes through it. */
static void faulty_install(void)
{
    faulty.real = sqlite3_vfs_find(NULL);
    faulty.vfs = *faulty.real;
    faulty.vfs.zName = "faulty";
    faulty.vfs.szOsFile = sizeof(struct faulty_file);
    faulty.vfs.xOpen = faulty_open;
    faulty.vfs.pNext = NULL;
    sqlite3_vfs_register(&faulty.vfs, 1);
}

static void faulty_remove(void)
{
    sqlite3_vfs_unregister(&faulty.vfs);
    sqlite3_vfs_register(faulty.real, 1);
}

static void faulty_plan(long fail_at, bool for_good, int rc)
{
    faulty.done = 0;
    faulty.fail_at = fail_at;
    faulty.for_good = for_good;
    faulty.rc = rc;
}

#endif
