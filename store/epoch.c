#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/durable.h"
#include "store/fold.h"
#include "store/store_private.h"

/* The file beside the database: its words, and what the file system says of it. A restored copy of the database meets newer words, and so knows what it is. A copy of
 * both meets the right words in another file: whatever writes or changes a file makes a new inode or another time of change, which nobody can set back. */
struct nonce_file {
    uint8_t nonce[NONCE_BYTES];
    int64_t inode, changed_ns;
};

static int nonce_read(const char *path, struct nonce_file *out)
{
    uint8_t got[NONCE_BYTES + 1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -EINVAL;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && read(fd, got, sizeof got) == NONCE_BYTES) {
        memcpy(out->nonce, got, NONCE_BYTES);
        out->inode = (int64_t)st.st_ino;
        out->changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
        rc = 0;
    }
    close(fd);
    return rc;
}

static bool is_same_file(const struct nonce_file *kept, const struct nonce_file *found)
{
    return memcmp(kept->nonce, found->nonce, NONCE_BYTES) == 0 && kept->inode == found->inode && kept->changed_ns == found->changed_ns;
}

static int kept_file(struct store *s, struct nonce_file *out, bool *any)
{
    size_t len = 0;
    int rc = meta_bytes(&s->db, META_NONCE, out->nonce, NONCE_BYTES, &len);
    if (rc == 0)
        rc = meta_number(&s->db, META_NONCE_INODE, &out->inode);
    if (rc == 0)
        rc = meta_number(&s->db, META_NONCE_CHANGED, &out->changed_ns);
    *any = len == NONCE_BYTES;
    return rc;
}

void store_set_boot(struct store *s, const char *boot_id)
{
    snprintf(s->boot_id, sizeof s->boot_id, "%s", boot_id);
}

/* An image of the disk brings all files back as they were, and nothing on it tells. But to put one back the machine has to be started. */
static int was_started_since(struct store *s, bool *started)
{
    char kept[BOOT_ID_MAX];
    size_t len = 0;
    int rc = meta_bytes(&s->db, META_BOOT, kept, sizeof kept, &len);
    *started = len > 0 && s->boot_id[0] != '\0' && (len != strlen(s->boot_id) || memcmp(kept, s->boot_id, len) != 0);
    return rc;
}

/* Whether an own batch is stored beyond what this database remembers to have told: then it is the copy of an older one. */
static int was_overtaken(struct store *s, int64_t epoch, int64_t seq, bool *overtaken)
{
    const struct known_member *self = names_root(&s->names, s->policy->self);
    *overtaken = false;
    if (self == NULL)
        return 0;
    struct query q = query(&s->db, SQL_BATCH_HEAD);
    query_int(&q, self->id);
    if (query_row(&q))
        *overtaken = column_int(&q, 0) > epoch || (column_int(&q, 0) == epoch && column_int(&q, 1) > seq);
    return query_end(&q);
}

/* *rest_s: how long the floor rests, since this file may not be the one that was written to last, and what it lacks, neighbours may have; 0: it is. */
static int is_intact(struct store *s, const char *nonce_path, uint32_t above, int64_t stored_epoch, bool *intact, int64_t *rest_s)
{
    struct nonce_file kept, found;
    int64_t clean = 0, seq = 0;
    bool overtaken = true, any = false, started = true, copy;
    int rc = meta_number(&s->db, META_CLEAN, &clean);
    if (rc == 0)
        rc = meta_number(&s->db, META_SEQ, &seq);
    if (rc == 0)
        rc = kept_file(s, &kept, &any);
    if (rc == 0)
        rc = was_started_since(s, &started);
    if (rc == 0)
        rc = was_overtaken(s, stored_epoch, seq, &overtaken);
    copy = stored_epoch == 0 || !any || nonce_read(nonce_path, &found) != 0 || !is_same_file(&kept, &found);
    *rest_s = copy ? FLOOR_REST_S : started ? FLOOR_REST_BOOT_S : 0;
    *intact = rc == 0 && clean != 0 && *rest_s == 0 && (int64_t)above <= stored_epoch && !overtaken;
    return rc;
}

static int64_t head_epoch(struct store *s)
{
    const struct known_member *self = names_root(&s->names, s->policy->self);
    int64_t epoch = 0;
    struct query q = query(&s->db, SQL_BATCH_HEAD);
    query_int(&q, self != NULL ? self->id : 0);
    if (query_row(&q))
        epoch = column_int(&q, 0);
    query_end(&q);
    return epoch;
}

static int64_t next_epoch(struct store *s, int64_t stored_epoch, uint32_t above, int64_t now_s)
{
    int64_t epoch = stored_epoch + 1, minutes = (now_s - EPOCH_ZERO_S) / 60, head = head_epoch(s);
    if (epoch < minutes)
        epoch = minutes;
    if (epoch <= (int64_t)above)
        epoch = (int64_t)above + 1;
    return epoch <= head ? head + 1 : epoch;
}

/* A number that is beyond what others take, since the clock is wrong, would keep this member silent until that day: so it waits for somebody who bears the clock out, or until
 * that is believed. One that does not come of the clock need not wait. */
static int may_begin(struct store *s, int64_t next, int64_t now_s)
{
    bool contested = false;
    int rc = next == (now_s - EPOCH_ZERO_S) / 60 ? fold_clock_contested(s, now_s, &contested) : 0;
    return rc == 0 && contested ? -EAGAIN : rc;
}

/* A longer rest that has begun goes on. */
static int put_rest(struct store *s, int64_t until_s)
{
    int64_t begun_s = 0;
    int rc = meta_number(&s->db, META_FLOOR_REST, &begun_s);
    return rc == 0 && until_s > begun_s ? meta_set_number(&s->db, META_FLOOR_REST, until_s) : rc;
}

static int put_state(struct store *s, int64_t epoch, bool fresh, int64_t rest_until_s, const struct nonce_file *file)
{
    int rc = meta_set_number(&s->db, META_EPOCH, epoch);
    if (rc == 0 && rest_until_s != 0)
        rc = put_rest(s, rest_until_s);
    if (rc == 0 && fresh)
        rc = meta_set_number(&s->db, META_SEQ, 0);
    if (rc == 0)
        rc = meta_set_bytes(&s->db, META_NONCE, file->nonce, NONCE_BYTES);
    if (rc == 0)
        rc = meta_set_bytes(&s->db, META_BOOT, s->boot_id, strlen(s->boot_id));
    if (rc == 0)
        rc = meta_set_number(&s->db, META_NONCE_INODE, file->inode);
    if (rc == 0)
        rc = meta_set_number(&s->db, META_NONCE_CHANGED, file->changed_ns);
    return rc == 0 ? meta_set_number(&s->db, META_CLEAN, 0) : rc;
}

/* The file first: should a crash come between, the two differ and the next start takes a new epoch. */
int store_begin_epoch(struct store *s, const char *nonce_path, const uint8_t nonce[NONCE_BYTES], uint32_t above, int64_t now_s, uint32_t *epoch)
{
    struct nonce_file file = { 0 };
    int64_t stored = 0, rest_s = FLOOR_REST_S;
    bool intact = false;
    int rc = meta_number(&s->db, META_EPOCH, &stored);
    if (rc == 0)
        rc = is_intact(s, nonce_path, above, stored, &intact, &rest_s);
    int64_t next = intact ? stored : next_epoch(s, stored, above, now_s);
    if (rc == 0 && next > UINT32_MAX)
        rc = -EOVERFLOW;
    if (rc == 0 && !intact)
        rc = may_begin(s, next, now_s);
    if (rc == 0)
        rc = durable_replace(nonce_path, nonce, NONCE_BYTES, 0600);
    if (rc == 0)
        rc = nonce_read(nonce_path, &file);
    if (rc == 0)
        rc = db_begin(&s->db);
    if (rc != 0)
        return rc;
    rc = store_end(s, put_state(s, next, !intact, rest_s > 0 ? now_s + rest_s : 0, &file));
    if (rc == 0)
        *epoch = (uint32_t)next;
    return rc;
}

int store_end_epoch(struct store *s)
{
    int rc = db_begin(&s->db);
    return rc == 0 ? store_end(s, meta_set_number(&s->db, META_CLEAN, 1)) : rc;
}
