#include "store/sql.h"

#define EXCEPTION_HOLDS "(kind = 2 OR (kind = 1 AND until_s > ?1))" \
                        " AND NOT EXISTS (SELECT 1 FROM exception AS later WHERE later.subject = e.subject AND later.id > e.id)"
#define KEY_AFTER "(subject, category) > (?1, ?2)"

/* BATCH_DEAD and the order of OPINION_RENEW: DESIGN section 6, "Registers" and "Floor". The masses and the time are part of
 * the order so that it stays total even against a liar who finds two hashes with one 8-byte beginning. */
const char *const sql_text[SQL_N] = {
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",

    [SQL_META_GET] = "SELECT number, bytes FROM meta WHERE name = ?1",
    [SQL_META_PUT] = "INSERT INTO meta(name, number, bytes) VALUES(?1, ?2, ?3)"
                     " ON CONFLICT(name) DO UPDATE SET number = excluded.number, bytes = excluded.bytes",
    [SQL_META_ADD] = "INSERT INTO meta(name, number) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET number = number + ?2",

    [SQL_MEMBER_EACH] = "SELECT id, root, floor_epoch, floor_seq, quarantine_s, refold, peer_s, bound_epoch, bound_seq FROM member ORDER BY id",
    [SQL_MEMBER_ADD] = "INSERT INTO member(root) VALUES(?1) RETURNING id",
    [SQL_MEMBER_FLOOR] = "UPDATE member SET floor_epoch = ?2, floor_seq = ?3 WHERE id = ?1",
    [SQL_MEMBER_BOUND] = "UPDATE member SET bound_epoch = ?2, bound_seq = ?3 WHERE id = ?1",
    [SQL_MEMBER_QUARANTINE] = "UPDATE member SET quarantine_s = ?2 + 0 * ?3 WHERE id = ?1",
    [SQL_MEMBER_PEER] = "UPDATE member SET peer_s = ?2 WHERE id = ?1",
    [SQL_MEMBER_REFOLD] = "UPDATE member SET refold = ?2 + 0 * ?3 WHERE id = ?1",
    [SQL_PROOF_GET] = "SELECT seq, hash_a, frame_a, hash_b, frame_b, time_s, found_s FROM proof WHERE member = ?1 AND epoch = ?2",
    [SQL_PROOF_PUT] = "INSERT INTO proof(member, epoch, seq, hash_a, frame_a, hash_b, frame_b, time_s, found_s)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(member, epoch) DO UPDATE SET seq = ?3, hash_a = ?4, frame_a = ?5,"
                      " hash_b = ?6, frame_b = ?7, time_s = ?8",
    [SQL_PROOF_AT] = "SELECT seq, hash_b FROM proof WHERE member = ?1 AND epoch = ?2",
    [SQL_PROOF_TIMES] = "SELECT time_s FROM proof WHERE member = ?1 AND forgiven = 0 ORDER BY time_s",
    [SQL_PROOF_FORGIVE] = "UPDATE proof SET forgiven = 1 WHERE member = ?1 AND ?2 = ?3",
    [SQL_PROOF_PRUNE] = "DELETE FROM proof WHERE member = ?1 AND ?3 = 0 AND epoch < (SELECT epoch FROM proof WHERE member = ?1 ORDER BY epoch DESC LIMIT 1 OFFSET ?2)",
    [SQL_PROOF_PURGE] = "DELETE FROM proof WHERE member = ?1",
    [SQL_PROOF_EACH] = "SELECT member, epoch, seq, hash_a, frame_a, hash_b, frame_b, time_s, found_s, forgiven FROM proof ORDER BY found_s, member, epoch",
    [SQL_BATCH_FROZEN] = "SELECT batch.id, batch.frame FROM batch JOIN proof ON proof.member = batch.member AND proof.epoch = batch.epoch"
                         " WHERE batch.member = ?1 AND (batch.seq > proof.seq OR (batch.seq = proof.seq AND batch.hash < proof.hash_b)) LIMIT ?2",
    [SQL_BATCH_FLOOR] = "SELECT floor_epoch, floor_seq FROM batch WHERE member = ?1 ORDER BY floor_epoch DESC, floor_seq DESC LIMIT 1",
    [SQL_BATCH_OF_MEMBER] = "SELECT id, frame FROM batch WHERE member = ?1 AND id > ?2 AND id <= ?3 ORDER BY id LIMIT ?4",
    [SQL_EVIDENCE_TELL_AGAIN] = "UPDATE evidence SET urgency = 2, waiting_s = ?3 WHERE told_epoch = ?1 AND told_epoch > 0 AND told_seq > ?2 AND urgency < 2",
    [SQL_LEARNED_EACH] = "SELECT member, time_s, confirmed, refuted, unseen, confirmed_white, refuted_white, black_micro, white_micro, hour, hours, until_s, times, record_micro,"
                         " basis, taken_confirmed, taken_refuted, taken_unseen, taken_confirmed_white, taken_refuted_white, taken_black_n, taken_white_n, taken_usual, taken_quartile,"
                         " seen, taken_seen FROM learned",
    [SQL_LEARNED_PUT] = "INSERT OR REPLACE INTO learned(member, time_s, confirmed, refuted, unseen, confirmed_white, refuted_white, black_micro, white_micro, hour, hours, until_s, times, record_micro,"
                        " basis, taken_confirmed, taken_refuted, taken_unseen, taken_confirmed_white, taken_refuted_white, taken_black_n, taken_white_n, taken_usual, taken_quartile,"
                        " seen, taken_seen)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
    [SQL_LEARNED_PURGE] = "DELETE FROM learned WHERE member = ?1",
    [SQL_MEMBER_FORGET] = "UPDATE member SET root = NULL WHERE id = ?1",
    [SQL_MEMBER_DROP_FORGOTTEN] = "DELETE FROM member WHERE root IS NULL",
    [SQL_CATEGORY_EACH] = "SELECT id, name FROM category ORDER BY id",
    [SQL_CATEGORY_ADD] = "INSERT INTO category(name) VALUES(?1) RETURNING id",
    [SQL_ZONE_EACH] = "SELECT id, name FROM zone ORDER BY id",
    [SQL_ZONE_ADD] = "INSERT INTO zone(name) VALUES(?1) RETURNING id",
    [SQL_RECORD_ADD] = "INSERT OR IGNORE INTO record(member, serial, frame) VALUES(?1, ?2, ?3)",
    [SQL_RECORD_GET] = "SELECT frame FROM record WHERE member = ?1 AND serial = ?2",
    [SQL_RECORD_EACH] = "SELECT frame FROM record WHERE member = ?1 ORDER BY serial DESC",
    [SQL_RECORD_PRUNE] = "DELETE FROM record WHERE member = ?1 AND serial < (SELECT serial FROM record WHERE member = ?1 ORDER BY serial DESC LIMIT 1 OFFSET ?2)",
    [SQL_RECORD_PURGE] = "DELETE FROM record WHERE member = ?1",

    [SQL_JOURNAL_ADD] = "INSERT INTO journal(subject, category, verb, count, cause, time_s, weight_milli, kept)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_JOURNAL_READ] = "SELECT id, subject, category, verb, count, cause, time_s, weight_milli, kept FROM journal"
                         " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    [SQL_JOURNAL_LAST] = "SELECT max(id) FROM journal",
    [SQL_JOURNAL_DROP] = "DELETE FROM journal WHERE id <= ?1",
    [SQL_JOURNAL_DROP_ONE] = "DELETE FROM journal WHERE id = ?1",
    [SQL_JOURNAL_COUNT] = "SELECT count(*) FROM journal",

    [SQL_BATCH_ADD] = "INSERT OR IGNORE INTO batch(member, epoch, seq, hash, floor_epoch, floor_seq, time_s, frame, opinions)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_BATCH_UNFOLDED] = "SELECT id, member, frame FROM batch WHERE id > ?1 AND id <= ?2 ORDER BY id",
    [SQL_BATCH_SMALL] = "SELECT id, member, CASE WHEN length(frame) <= ?2 THEN frame END FROM batch WHERE id > ?1 ORDER BY id LIMIT ?3",
    [SQL_BATCH_LAST] = "SELECT max(id) FROM batch",
    [SQL_BATCH_UNFOLDED_COUNT] = "SELECT count(*) FROM batch WHERE id > ?1",
    [SQL_BATCH_NAMES] = "SELECT epoch, seq, hash, floor_epoch, floor_seq, time_s, coalesce(opinions, length(frame) / 20) FROM batch WHERE member = ?1"
                        " ORDER BY epoch, seq, hash",
    [SQL_BATCH_OPINIONS] = "SELECT epoch, seq, coalesce(sum(opinions), sum(length(frame)) / 20) FROM batch WHERE member = ?1 GROUP BY epoch, seq ORDER BY epoch DESC, seq DESC",
    [SQL_BATCH_RANGE] = "SELECT seq, hash, floor_epoch, floor_seq, time_s, frame FROM batch"
                        " WHERE member = ?1 AND epoch = ?2 AND seq BETWEEN ?3 AND ?4"
                        " UNION ALL SELECT seq, hash_a, 0, 0, time_s, frame_a FROM proof WHERE member = ?1 AND epoch = ?2 AND seq BETWEEN ?3 AND ?4"
                        " AND NOT EXISTS(SELECT 1 FROM batch WHERE batch.member = ?1 AND batch.epoch = ?2 AND batch.seq = proof.seq AND batch.hash = hash_a)"
                        " UNION ALL SELECT seq, hash_b, 0, 0, time_s, frame_b FROM proof WHERE member = ?1 AND epoch = ?2 AND seq BETWEEN ?3 AND ?4"
                        " AND NOT EXISTS(SELECT 1 FROM batch WHERE batch.member = ?1 AND batch.epoch = ?2 AND batch.seq = proof.seq AND batch.hash = hash_b)"
                        " ORDER BY 1 DESC, 2 DESC",
    [SQL_BATCH_HEAD] = "SELECT epoch, seq, hash FROM batch WHERE member = ?1 ORDER BY epoch DESC, seq DESC, hash DESC LIMIT 1",
    [SQL_BATCH_NEWEST] = "SELECT time_s FROM batch WHERE member = ?1 ORDER BY epoch DESC, seq DESC, hash DESC LIMIT 1",
    [SQL_BATCH_AGES] = "SELECT epoch, seq, time_s FROM batch WHERE member = ?1 ORDER BY epoch, seq",
    [SQL_BATCH_DEAD] = "SELECT id, member, epoch, seq, hash, frame FROM batch WHERE member = ?1 AND (epoch, seq) < (?2, ?3)"
                       " ORDER BY epoch, seq LIMIT ?4",
    [SQL_BATCH_FRAMES] = "SELECT frame FROM batch WHERE member = ?1",
    [SQL_BATCH_DROP] = "DELETE FROM batch WHERE id = ?1",
    [SQL_BATCH_SIZES] = "SELECT count(*), coalesce(sum(length(frame)), 0) FROM batch WHERE member = ?1",
    [SQL_BATCH_PURGE] = "DELETE FROM batch WHERE member = ?1",
    [SQL_BATCH_ALL] = "SELECT id, member, epoch, seq, hash, time_s, frame FROM batch ORDER BY id",
    [SQL_BATCH_FRAME] = "SELECT hash, frame FROM batch WHERE member = ?1 AND epoch = ?2 AND seq = ?3",

    [SQL_EVIDENCE_OF_SUBJECT] = "SELECT category, black_micro, white_micro, time_s, told_black, told_white, told_time_s,"
                                " hold_until_s, urgency, waiting_s, kept_black_micro, kept_white_micro, kept_time_s, turned_s, told_epoch, told_seq, hold_s"
                                " FROM evidence WHERE subject = ?1 ORDER BY category",
    [SQL_EVIDENCE_PUT] = "INSERT INTO evidence(subject, category, black_micro, white_micro, time_s, told_black, told_white,"
                         " told_time_s, hold_until_s, urgency, waiting_s, kept_black_micro, kept_white_micro, kept_time_s, turned_s, hold_s)"
                         " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
                         " ON CONFLICT(subject, category) DO UPDATE SET black_micro = ?3, white_micro = ?4, time_s = ?5,"
                         " hold_until_s = ?9, urgency = ?10, waiting_s = ?11, kept_black_micro = ?12, kept_white_micro = ?13,"
                         " kept_time_s = ?14, turned_s = ?15, hold_s = ?16",
    [SQL_EVIDENCE_TOLD] = "UPDATE evidence SET told_black = ?3, told_white = ?4, told_time_s = ?5, told_epoch = ?6, told_seq = ?7,"
                          " urgency = 0, waiting_s = 0 WHERE subject = ?1 AND category = ?2",
    [SQL_EVIDENCE_URGENT] = "SELECT subject, category, black_micro, white_micro, time_s, told_epoch, told_black, told_white, told_time_s, urgency FROM evidence"
                            " WHERE urgency > 0 AND urgency = ?1 ORDER BY waiting_s LIMIT ?2",
    [SQL_EVIDENCE_OLDEST] = "SELECT subject, category, black_micro, white_micro, time_s, told_epoch, told_black, told_white, told_time_s, urgency FROM evidence"
                            " WHERE told_epoch > 0 AND urgency < ?1 ORDER BY told_epoch, told_seq LIMIT ?2",
    [SQL_EVIDENCE_FLOOR] = "SELECT told_epoch, told_seq FROM evidence WHERE told_epoch > 0 ORDER BY told_epoch, told_seq LIMIT 1",
    [SQL_EVIDENCE_GROWN] = "SELECT waiting_s FROM evidence WHERE urgency > 0 AND urgency = 1 ORDER BY waiting_s LIMIT 1",
    [SQL_EVIDENCE_GROWTH] = "SELECT count(*) FROM (SELECT 1 FROM evidence WHERE urgency > 0 AND urgency = 1 LIMIT ?1)",
    [SQL_EVIDENCE_SWEEP] = "SELECT subject, category, max(time_s, kept_time_s), told_time_s, hold_until_s, urgency FROM evidence WHERE " KEY_AFTER
                           " ORDER BY subject, category LIMIT ?3",
    [SQL_EVIDENCE_DROP] = "DELETE FROM evidence WHERE subject = ?1 AND category = ?2"
                          " RETURNING told_epoch, black_micro + kept_black_micro, white_micro + kept_white_micro",

    [SQL_OPINION_ADD] = "INSERT OR IGNORE INTO opinion(subject, category, member, epoch, seq, hash, black, white, time_s, since_s)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    /* since_s: the earlier of the two while the side stays, and 0 has no side. */
    [SQL_OPINION_RENEW] = "UPDATE opinion SET epoch = ?4, seq = ?5, hash = ?6, black = ?7, white = ?8, time_s = ?9,"
                          " since_s = CASE WHEN ?10 > 0 AND since_s > 0 THEN min(since_s, ?10) WHEN ?10 < 0 AND since_s < 0 THEN max(since_s, ?10) ELSE ?10 END"
                          " WHERE subject = ?1 AND category = ?2 AND member = ?3"
                          " AND (?4, ?5, ?6, ?9, ?7, ?8) > (epoch, seq, hash, time_s, black, white)",
    [SQL_OPINION_CATEGORIES] = "SELECT DISTINCT category FROM opinion WHERE subject = ?1 AND category <> ?2",
    [SQL_OPINION_OF_SUBJECT] = "SELECT category, member, epoch, seq, hash, black, white, time_s, since_s FROM opinion WHERE subject = ?1"
                               " ORDER BY category, member",
    [SQL_OPINION_EACH] = "SELECT subject, member, black + white, time_s FROM opinion ORDER BY subject, category, member",
    [SQL_OPINION_NUMBERS] = "SELECT subject, category, member, epoch, seq FROM opinion ORDER BY subject, category, member",
    [SQL_OPINION_DROP] = "DELETE FROM opinion WHERE subject = ?1 AND category = ?2 AND member = ?3"
                         " AND epoch = ?4 AND seq = ?5 AND hash = ?6",
    /* Times that lie ahead of ?3. */
    [SQL_OPINION_MEND] = "UPDATE opinion SET since_s = CASE WHEN since_s > ?3 THEN ?4 WHEN since_s < -?3 THEN -?4 ELSE since_s END, judged_s = iif(judged_s > ?3, ?4, judged_s)"
                         " WHERE subject = ?1 AND category = ?2 AND (since_s > ?3 OR since_s < -?3 OR judged_s > ?3)",
    [SQL_LISTING_MEND] = "UPDATE listing SET since_s = ?4 WHERE subject = ?1 AND category = ?2 AND since_s > ?3",
    [SQL_NETWORK_MEND] = "UPDATE network SET since_s = ?2 WHERE since_s > ?1",
    [SQL_OPINION_JUDGED] = "UPDATE opinion SET judged_s = ?4, judged = ?5 WHERE subject = ?1 AND category = ?2 AND member = ?3",
    /* After a rebuild: what was known of the register before, as far as its side is still the same. */
    [SQL_OPINION_REMEMBER] = "UPDATE opinion SET judged_s = b.judged_s, judged = b.judged,"
                             " since_s = CASE WHEN (opinion.since_s > 0 AND b.since_s > 0) OR (opinion.since_s < 0 AND b.since_s < 0) THEN b.since_s ELSE opinion.since_s END"
                             " FROM opinion_before AS b WHERE opinion.subject = ?1 AND opinion.category = ?2 AND opinion.member = ?3"
                             " AND b.subject = ?1 AND b.category = ?2 AND b.member = ?3",
    /* The time of the last own event, too, where the rest is old enough to ask: as of ?5. */
    [SQL_OPINION_AGES] = "SELECT subject, category, member, since_s, black, white, time_s, CASE WHEN since_s BETWEEN 1 AND ?5 THEN (SELECT max(e.time_s, e.kept_time_s) FROM evidence e"
                         " WHERE e.subject = opinion.subject AND e.category = opinion.category) ELSE 0 END FROM opinion WHERE (subject, category, member) > (?1, ?2, ?3)"
                         " ORDER BY subject, category, member LIMIT ?4",
    [SQL_OPINION_PURGE] = "DELETE FROM opinion WHERE subject = ?1 AND category = ?2 AND member = ?3",

    /* All of one (subject, category) in one statement: listings, opinions by member, own evidence. */
    [SQL_TOPIC_ALL] = "SELECT 0, zone, since_s, until_s, due_s, minute_s, score_micro, groups, said_by FROM listing"
                      " WHERE subject = ?1 AND category = ?2"
                      " UNION ALL SELECT 1, member, black, white, time_s, since_s, judged_s, judged, 0 FROM opinion WHERE subject = ?1 AND category = ?2"
                      " UNION ALL SELECT 2, category, black_micro, white_micro, time_s, kept_black_micro, kept_white_micro, kept_time_s, turned_s FROM evidence"
                      " WHERE subject = ?1 AND category = ?2"
                      " UNION ALL SELECT 2, category, black_micro, white_micro, time_s, kept_black_micro, kept_white_micro, kept_time_s, turned_s FROM evidence"
                      " WHERE subject = ?1 AND category = ?3 AND ?3 <> ?2",
    [SQL_LISTING_PUT] = "INSERT INTO listing(subject, category, zone, since_s, until_s, due_s, minute_s, score_micro, groups, said_by)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT(subject, category, zone) DO UPDATE SET"
                        " until_s = ?5, due_s = ?6, minute_s = ?7, score_micro = ?8, groups = ?9, said_by = ?10",
    [SQL_LISTING_KEEP] = "UPDATE listing SET until_s = ?4, minute_s = ?5, score_micro = ?6, groups = ?7, said_by = ?8"
                         " WHERE subject = ?1 AND category = ?2 AND zone = ?3",
    [SQL_LISTING_DROP] = "DELETE FROM listing WHERE subject = ?1 AND category = ?2 AND zone = ?3",
    [SQL_LISTING_DUE] = "SELECT subject, category FROM listing WHERE due_s <= ?1 ORDER BY due_s LIMIT ?2",
    [SQL_LISTING_NEXT_DUE] = "SELECT due_s FROM listing ORDER BY due_s LIMIT 1",
    [SQL_LISTING_AFTER] = "SELECT subject, category, zone FROM listing WHERE (subject, category, zone) > (?1, ?2, ?3)"
                          " ORDER BY subject, category, zone LIMIT ?4",
    [SQL_LISTING_CHECK] = "SELECT zone FROM listing WHERE subject = ?1 AND zone > 0",
    /* The same of a prefix, which may be a network. */
    [SQL_PREFIX_CHECK] = "SELECT zone FROM listing WHERE subject = ?1 AND zone > 0 UNION ALL SELECT zone FROM network WHERE subject = ?1",
    [SQL_LISTING_OF_SUBJECT] = "SELECT category, zone, since_s, until_s, score_micro, groups FROM listing"
                               " WHERE subject = ?1 AND zone > 0",
    [SQL_LISTING_ALL] = "SELECT subject, category, zone, since_s, until_s, score_micro, groups, 0, 0 FROM listing"
                        " WHERE zone > 0 AND since_s >= ?1 AND (?2 = 0 OR zone = ?2)"
                        " UNION ALL SELECT subject, category, zone, since_s, 0, 0, groups, addresses, innocents FROM network"
                        " WHERE since_s >= ?1 AND (?2 = 0 OR zone = ?2) ORDER BY 1, 2, 3",
    [SQL_LISTING_WITHIN] = "SELECT subject, category, zone, said_by FROM listing WHERE subject BETWEEN ?1 AND ?2 ORDER BY subject, category, zone LIMIT ?3",
    [SQL_LISTED_INSIDE] = "SELECT subject, category, zone FROM listing WHERE subject BETWEEN ?1 AND ?2"
                          " UNION ALL SELECT subject, category, zone FROM network WHERE subject BETWEEN ?1 AND ?2 ORDER BY 1, 2, 3 LIMIT ?3",
    /* The hosts among them, by their prefix length, of which two groups say so. */
    [SQL_LISTING_LASTS] = "SELECT until_s FROM listing WHERE subject BETWEEN ?1 AND ?2 AND category = ?3 AND zone = ?4"
                          " AND substr(subject, -1) = ?5 AND said_by & (said_by - 1) <> 0 ORDER BY until_s DESC LIMIT 1 OFFSET ?6",
    [SQL_LISTING_HOSTS] = "SELECT subject FROM listing WHERE subject BETWEEN ?1 AND ?2 AND category = ?3 AND zone = ?4"
                          " AND substr(subject, -1) = ?5 AND said_by & (said_by - 1) <> 0 ORDER BY subject LIMIT ?6",
    [SQL_LISTING_HAS] = "SELECT 1 FROM listing WHERE subject = ?1 AND category = ?2 AND zone = ?3",
    [SQL_EVIDENCE_WITHIN] = "SELECT subject, black_micro + kept_black_micro, white_micro + kept_white_micro FROM evidence"
                            " WHERE subject BETWEEN ?1 AND ?2 ORDER BY subject LIMIT ?3",
    [SQL_NETWORK_OF_SUBJECT] = "SELECT category, zone, since_s, addresses, groups, innocents FROM network WHERE subject = ?1",
    [SQL_NETWORK_WITHIN] = "SELECT subject, category, zone, addresses, groups, innocents FROM network WHERE subject BETWEEN ?1 AND ?2 ORDER BY subject, category, zone",
    [SQL_NETWORK_HAS] = "SELECT 1 FROM network WHERE subject = ?1 AND category = ?2 AND zone = ?3",
    [SQL_NETWORK_PUT] = "INSERT INTO network(subject, category, zone, since_s, addresses, groups, innocents) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                        " ON CONFLICT(subject, category, zone) DO UPDATE SET addresses = ?5, groups = ?6, innocents = ?7",
    [SQL_NETWORK_DROP] = "DELETE FROM network WHERE subject = ?1 AND category = ?2 AND zone = ?3",
    [SQL_NETWORK_SUBJECTS] = "SELECT subject FROM listing WHERE zone > 0 UNION ALL SELECT subject FROM network ORDER BY 1",
    [SQL_COUNT_NETWORKS] = "SELECT count(*) FROM network",

    /* The outermost ORDER BY makes SQLite merge the three in key order row by row; within a subquery it would build them whole. */
    [SQL_KEYS_AFTER] = "SELECT subject, category FROM opinion WHERE " KEY_AFTER
                       " UNION SELECT subject, category FROM evidence WHERE " KEY_AFTER
                       " UNION SELECT subject, category FROM listing WHERE " KEY_AFTER
                       " ORDER BY subject, category LIMIT ?3",
    [SQL_KEYS_ALL] = "SELECT subject, category FROM opinion UNION SELECT subject, category FROM evidence"
                     " UNION SELECT subject, category FROM listing"
                     " ORDER BY subject, category",

    [SQL_COUNT_SUBJECTS] = "SELECT count(*) FROM (SELECT subject FROM opinion UNION SELECT subject FROM evidence)",
    [SQL_COUNT_EVIDENCE] = "SELECT count(*) FROM evidence",
    [SQL_COUNT_OPINIONS] = "SELECT count(*) FROM opinion",
    [SQL_COUNT_BATCHES] = "SELECT count(*), coalesce(sum(length(frame)), 0) FROM batch",
    [SQL_COUNT_LISTINGS] = "SELECT count(*) FROM listing WHERE zone > 0",
    [SQL_COUNT_UNNAMED] = "SELECT count(*) FROM listing WHERE zone IN (SELECT id FROM zone WHERE name = '')",
    [SQL_COUNT_MEMBERS] = "SELECT count(*) FROM member WHERE root IS NOT NULL",
    [SQL_COUNT_LIVING] = "SELECT count(*) FROM opinion WHERE member NOT IN (SELECT id FROM member WHERE root IS NULL)",

    [SQL_COUNT_TOLD] = "SELECT count(*) FROM evidence WHERE told_epoch > 0",
    [SQL_COUNT_OWN_BLACK] = "SELECT count(*) FROM evidence WHERE 2 * (black_micro + kept_black_micro) > 6 * (white_micro + kept_white_micro) + 1000000",
    [SQL_COUNT_OWN_WHITE] = "SELECT count(*) FROM evidence WHERE 4 * (white_micro + kept_white_micro) > 3 * (black_micro + kept_black_micro) + 1000000",

    [SQL_EXCEPTION_ADD] = "INSERT INTO exception(kind, subject, time_s, until_s, who, why) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_EXCEPTION_EACH] = "SELECT kind, subject, time_s, until_s, who, why FROM exception ORDER BY id DESC",
    /* Kinds: store/exception.h. The newest about a subject is the one that counts. */
    [SQL_EXCEPTION_HOLDING] = "SELECT kind, subject, time_s, until_s, who, why FROM exception AS e WHERE " EXCEPTION_HOLDS " ORDER BY id DESC",
    [SQL_EXCEPTION_HOLDING_COUNT] = "SELECT count(*) FROM exception AS e WHERE " EXCEPTION_HOLDS,
    [SQL_EXCEPTION_LAST] = "SELECT max(id) FROM exception",

    [SQL_INTRODUCTIONS_GET] = "SELECT stamp, frame FROM introductions WHERE introducer = ?1",
    [SQL_INTRODUCTIONS_EACH] = "SELECT introducer, frame FROM introductions ORDER BY introducer",
    [SQL_INTRODUCTIONS_PUT] = "INSERT INTO introductions(introducer, stamp, frame) VALUES(?1, ?2, ?3)"
                              " ON CONFLICT(introducer) DO UPDATE SET stamp = ?2, frame = ?3",
    [SQL_INTRODUCTIONS_DROP] = "DELETE FROM introductions WHERE introducer = ?1",
    [SQL_INTRODUCTION_ADD] = "INSERT INTO introduction(introducer, root, share_milli, expires_s, record) VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_INTRODUCTION_CLEAR] = "DELETE FROM introduction WHERE introducer = ?1",
    [SQL_INTRODUCTION_COUNT] = "SELECT count(*) FROM introduction",
    [SQL_INTRODUCTION_EACH] = "SELECT introducer, root, share_milli, expires_s, record FROM introduction ORDER BY introducer, root",
    [SQL_INTRODUCTION_RECORD] = "SELECT record FROM introduction WHERE introducer = ?1 AND root = ?2",
    [SQL_INTRODUCTION_RECORDS] = "SELECT DISTINCT record FROM introduction WHERE root = ?1",
    [SQL_TRUSTED_EACH] = "SELECT root, sponsor, introducer, tau_micro, hops, expires_s FROM trusted ORDER BY root",
    [SQL_TRUSTED_CLEAR] = "DELETE FROM trusted",
    [SQL_TRUSTED_ADD] = "INSERT INTO trusted(root, sponsor, introducer, tau_micro, hops, expires_s) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    /* ..._OLD: those that die first, and not after ?1. */
    [SQL_TARPIT_GET] = "SELECT events, 1 FROM tool_tarpit_fresh WHERE subject = ?1 UNION ALL SELECT events, 0 FROM tool_tarpit WHERE subject = ?1 LIMIT 1",
    [SQL_TARPIT_PUT] = "INSERT INTO tool_tarpit_fresh(subject, events, expires_s) VALUES(?1, ?2, ?3) ON CONFLICT(subject) DO UPDATE SET events = ?2, expires_s = ?3",
    [SQL_TARPIT_MOVE] = "INSERT INTO tool_tarpit SELECT subject, events, expires_s FROM tool_tarpit_fresh WHERE true ORDER BY subject LIMIT ?1"
                       " ON CONFLICT(subject) DO UPDATE SET events = excluded.events, expires_s = excluded.expires_s",
    [SQL_TARPIT_MOVED] = "DELETE FROM tool_tarpit_fresh WHERE subject IN (SELECT subject FROM tool_tarpit_fresh ORDER BY subject LIMIT ?1)",
    [SQL_TARPIT_DROP] = "DELETE FROM tool_tarpit WHERE subject = ?1",
    [SQL_TARPIT_DROP_OLD] = "DELETE FROM tool_tarpit WHERE subject IN (SELECT subject FROM tool_tarpit WHERE expires_s <= ?1 ORDER BY expires_s LIMIT ?2)",
    [SQL_TARPIT_EACH] = "SELECT subject, events, expires_s FROM tool_tarpit_fresh WHERE expires_s > ?1 UNION ALL SELECT subject, events, expires_s FROM tool_tarpit AS old"
                       " WHERE expires_s > ?1 AND NOT EXISTS (SELECT 1 FROM tool_tarpit_fresh AS f WHERE f.subject = old.subject) ORDER BY 1",
    [SQL_BOUNCE_GET] = "SELECT events, 1 FROM tool_bounce_fresh WHERE user = ?1 UNION ALL SELECT events, 0 FROM tool_bounce WHERE user = ?1 LIMIT 1",
    [SQL_BOUNCE_PUT] = "INSERT INTO tool_bounce_fresh(user, events, expires_s) VALUES(?1, ?2, ?3) ON CONFLICT(user) DO UPDATE SET events = ?2, expires_s = ?3",
    [SQL_BOUNCE_MOVE] = "INSERT INTO tool_bounce SELECT user, events, expires_s FROM tool_bounce_fresh WHERE true ORDER BY user LIMIT ?1"
                       " ON CONFLICT(user) DO UPDATE SET events = excluded.events, expires_s = excluded.expires_s",
    [SQL_BOUNCE_MOVED] = "DELETE FROM tool_bounce_fresh WHERE user IN (SELECT user FROM tool_bounce_fresh ORDER BY user LIMIT ?1)",
    [SQL_BOUNCE_DROP] = "DELETE FROM tool_bounce WHERE user = ?1",
    [SQL_BOUNCE_DROP_OLD] = "DELETE FROM tool_bounce WHERE user IN (SELECT user FROM tool_bounce WHERE expires_s <= ?1 ORDER BY expires_s LIMIT ?2)",
    [SQL_BOUNCE_EACH] = "SELECT user, events, expires_s FROM tool_bounce_fresh WHERE expires_s > ?1 UNION ALL SELECT user, events, expires_s FROM tool_bounce AS old"
                       " WHERE expires_s > ?1 AND NOT EXISTS (SELECT 1 FROM tool_bounce_fresh AS f WHERE f.user = old.user) ORDER BY 1",
    [SQL_GREY_GET] = "SELECT first_s, passed_s, expires_s, 1 FROM tool_grey_fresh WHERE network = ?1 AND sender = ?2 AND rcpt = ?3"
                     " UNION ALL SELECT first_s, passed_s, expires_s, 0 FROM tool_grey WHERE network = ?1 AND sender = ?2 AND rcpt = ?3 LIMIT 1",
    [SQL_GREY_PUT] = "INSERT INTO tool_grey_fresh(network, sender, rcpt, client, first_s, passed_s, last_s, expires_s) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                     " ON CONFLICT(network, sender, rcpt) DO UPDATE SET client = ?4, first_s = ?5, passed_s = ?6, last_s = ?7, expires_s = ?8",
    [SQL_GREY_MOVE] = "INSERT INTO tool_grey SELECT network, sender, rcpt, client, first_s, passed_s, last_s, expires_s FROM tool_grey_fresh WHERE true"
                      " ORDER BY network, sender, rcpt LIMIT ?1 ON CONFLICT(network, sender, rcpt) DO UPDATE SET client = excluded.client,"
                      " first_s = excluded.first_s, passed_s = excluded.passed_s, last_s = excluded.last_s, expires_s = excluded.expires_s",
    [SQL_GREY_MOVED] = "DELETE FROM tool_grey_fresh WHERE (network, sender, rcpt) IN (SELECT network, sender, rcpt FROM tool_grey_fresh"
                       " ORDER BY network, sender, rcpt LIMIT ?1)",
    [SQL_GREY_DROP] = "DELETE FROM tool_grey WHERE network = ?1 AND sender = ?2 AND rcpt = ?3",
    [SQL_GREY_OLD] = "SELECT network, sender, rcpt, client, passed_s FROM tool_grey WHERE expires_s <= ?1 ORDER BY expires_s LIMIT ?2",
    [SQL_GREY_DROP_NETWORK] = "DELETE FROM tool_grey WHERE network = ?1",
    [SQL_GREY_EACH] = "SELECT network, sender, rcpt, client, first_s, passed_s, last_s, expires_s FROM tool_grey_fresh WHERE expires_s > ?1"
                      " UNION ALL SELECT network, sender, rcpt, client, first_s, passed_s, last_s, expires_s FROM tool_grey AS old WHERE expires_s > ?1"
                      " AND NOT EXISTS (SELECT 1 FROM tool_grey_fresh AS f WHERE f.network = old.network AND f.sender = old.sender AND f.rcpt = old.rcpt)"
                      " ORDER BY 1, 2, 3",
    [SQL_CLIENT_GET] = "SELECT passed, abandoned, expires_s FROM tool_client WHERE network = ?1",
    [SQL_CLIENT_PUT] = "INSERT INTO tool_client(network, passed, abandoned, last_s, expires_s) VALUES(?1, ?2, ?3, ?4, ?5)"
                       " ON CONFLICT(network) DO UPDATE SET passed = ?2, abandoned = ?3, last_s = ?4, expires_s = ?5",
    [SQL_CLIENT_DROP] = "DELETE FROM tool_client WHERE network = ?1",
    [SQL_CLIENT_DROP_OLD] = "DELETE FROM tool_client WHERE network IN (SELECT network FROM tool_client WHERE expires_s <= ?1 ORDER BY expires_s LIMIT ?2)",
    [SQL_CLIENT_EACH] = "SELECT network, passed, abandoned, last_s, expires_s FROM tool_client WHERE expires_s > ?1 ORDER BY network",
    [SQL_SPF_OF_SUBJECT] = "SELECT domain, expires_s, 1 FROM tool_spf_fresh WHERE subject = ?1 UNION ALL SELECT domain, expires_s, 0 FROM tool_spf AS old"
                           " WHERE subject = ?1 AND NOT EXISTS (SELECT 1 FROM tool_spf_fresh AS f WHERE f.subject = ?1 AND f.domain = old.domain)"
                           " ORDER BY 2 LIMIT ?2",
    [SQL_SPF_PUT] = "INSERT INTO tool_spf_fresh(subject, domain, expires_s) VALUES(?1, ?2, ?3) ON CONFLICT(subject, domain) DO UPDATE SET expires_s = ?3",
    [SQL_SPF_MOVE] = "INSERT INTO tool_spf SELECT subject, domain, expires_s FROM tool_spf_fresh WHERE true ORDER BY subject, domain LIMIT ?1"
                     " ON CONFLICT(subject, domain) DO UPDATE SET expires_s = excluded.expires_s",
    [SQL_SPF_MOVED] = "DELETE FROM tool_spf_fresh WHERE (subject, domain) IN (SELECT subject, domain FROM tool_spf_fresh ORDER BY subject, domain LIMIT ?1)",
    [SQL_SPF_DROP_FRESH] = "DELETE FROM tool_spf_fresh WHERE subject = ?1 AND domain = ?2",
    [SQL_SPF_DROP] = "DELETE FROM tool_spf WHERE subject = ?1 AND domain = ?2",
    [SQL_SPF_DROP_SUBJECT] = "DELETE FROM tool_spf WHERE subject = ?1",
    [SQL_SPF_DROP_OLD] = "DELETE FROM tool_spf WHERE (subject, domain) IN (SELECT subject, domain FROM tool_spf WHERE expires_s <= ?1 ORDER BY expires_s LIMIT ?2)",
    [SQL_SPF_EACH] = "SELECT subject, domain, expires_s FROM tool_spf_fresh WHERE expires_s > ?1 UNION ALL SELECT subject, domain, expires_s FROM tool_spf AS old"
                     " WHERE expires_s > ?1 AND NOT EXISTS (SELECT 1 FROM tool_spf_fresh AS f WHERE f.subject = old.subject AND f.domain = old.domain)"
                     " ORDER BY 1, 2",
    [SQL_FRESH_COUNT] = "SELECT (SELECT count(*) FROM tool_tarpit_fresh) + (SELECT count(*) FROM tool_bounce_fresh)"
                        " + (SELECT count(*) FROM tool_grey_fresh) + (SELECT count(*) FROM tool_spf_fresh)",
    [SQL_VERDICT_GET] = "SELECT verdict, time_s FROM tool_verdict WHERE key = ?1 AND expires_s > ?2",
    [SQL_VERDICT_PUT] = "INSERT INTO tool_verdict(key, verdict, time_s, expires_s) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(key) DO NOTHING",
    [SQL_VERDICT_DROP] = "DELETE FROM tool_verdict WHERE key = ?1",
    [SQL_VERDICT_DROP_OLD] = "DELETE FROM tool_verdict WHERE key IN (SELECT key FROM tool_verdict WHERE expires_s <= ?1 ORDER BY expires_s LIMIT ?2)",

    [SQL_ONCE_GET] = "SELECT number FROM once WHERE source = ?1",
    [SQL_ONCE_PUT] = "INSERT INTO once(source, number, time_s) VALUES(?1, ?2, ?3) ON CONFLICT(source) DO UPDATE SET number = ?2, time_s = ?3",
    [SQL_ONCE_TRIM] = "DELETE FROM once WHERE source IN (SELECT source FROM once ORDER BY time_s DESC LIMIT -1 OFFSET ?1)",
    [SQL_INTEGRITY] = "PRAGMA integrity_check(20)",
    [SQL_OPINION_GET] = "SELECT epoch, seq, hash, time_s, black, white FROM opinion"
                        " WHERE subject = ?1 AND category = ?2 AND member = ?3",
};
