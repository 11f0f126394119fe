#include "tools/command.h"

#include <string.h>

static const struct command commands[] = {
    { .name = "init", .run = cmd_init,
      .usage = "[--name NAME] [--federation NAME] [--advertise HOST] [--port N] [--offline-root] [--json] [DIR]",
      .summary = "Makes a node: keys, a commented configuration, an empty database",
      .help = "DIR is the present directory unless said; nothing in it is overwritten.\n\n"
              "  --name NAME        what the members call the node, such as mx.a.example; by default the full name of the host\n"
              "  --federation NAME  the coalition; all its members say the same; \"hearsay\" by default\n"
              "  --advertise HOST   the host name or address where other members reach it; by default NAME\n"
              "  --port N           reports come in at N on loopback, members connect to N+1 and N+2; by default 4440\n"
              "  --offline-root     puts the root key into a file of its own, root.pem, to be moved off this machine; `hearsay rotate` asks for it\n" },
    { .name = "card", .run = cmd_card, .usage = "[--json]",
      .summary = "Prints this member's card, which another member needs to trust it",
      .help = "One line of public text: name, keys and addresses, signed. Send it by any way; compare the fingerprint by another.\n" },
    { .name = "rotate", .run = cmd_rotate, .usage = "[--root FILE] [--keys] [--not-after TIME] [--json]",
      .summary = "Signs a new record of this member, also with new keys; the others follow by themselves",
      .help = "  --root FILE       the root key, when it is kept offline; by default the one in the key file, or root.pem beside it\n"
              "  --keys            makes new operational and CURVE keys; the old ones end when the other members know the new\n"
              "  --not-after TIME  how long it is valid, such as 90d, which is the default\n\n"
              "A node that has the root key renews its record by itself, 45 days before its end. With the root key offline, status warns from 30 days before.\n" },
    { .name = "leave", .run = cmd_leave, .usage = "[--root FILE] [--json]",
      .summary = "Leaves the coalition: signs a farewell, so that what this member said fades away",
      .help = "  --root FILE  the root key, when it is kept offline\n\n"
              "The others take nothing new of this member; what it said decays. The node goes on for its own reporters. `hearsay rotate` comes back.\n" },
    { .name = "invite", .run = cmd_invite,
      .usage = "[--trust W] [--introduce [--share S]] [--expires TIME] [--name NAME] [--wait] [--json]\n--list [--json]\n--withdraw ID [--json]",
      .summary = "Makes one line of text that lets one newcomer join the coalition",
      .help = "The invite is a secret: whoever has it first can join, once. Send it by a private way, and compare the fingerprints by telephone.\n"
              "The newcomer says `hearsay join INVITE`, and is a peer of this node then: both run on without a restart.\n\n"
              "  --trust W       how much the newcomer will be believed, 0.5 unless said\n"
              "  --introduce     vouches for it before the other members, until that is withdrawn (hearsay introduce)\n"
              "    --share S     with this share; 0.25 unless said\n"
              "  --expires TIME  from 1m to 30d; 1d unless said\n"
              "  --name NAME     only a newcomer of this name can use it\n"
              "  --wait          waits until it is used, and says by whom\n"
              "  --list          those that are out, and who used them\n"
              "  --withdraw ID   makes one void\n" },
    { .name = "join", .run = cmd_join,
      .usage = "INVITE [--trust W] [--name NAME] [--advertise HOST] [--port N] [--json] [DIR]",
      .summary = "Joins the coalition that an invite is for",
      .help = "INVITE is the line that `hearsay invite` printed at a member, or - to read it from standard input, where no other user of this host sees it.\n"
              "Hands this node's card to that member, who becomes its first peer, and takes over the coalition's name and secret. Where there is no node yet, it is made\n"
              "first, in DIR or the present directory, as `hearsay init` does with --name, --advertise and --port. A node that runs takes it all over at once.\n\n"
              "  --trust W  how much the inviter is believed; 0.5 unless said\n\n"
              "An invite works once. If the answer was lost, the same node can say it again.\n" },
    { .name = "peer", .run = cmd_peer,
      .usage = "add CARD [--trust W] [--no-link] [--categories LIST|all] [--black-only] [--no-prefixes] [--max-weight W|off] [--max-subjects N|off] [--probation TIME|on|off] [--json]\nlist [--json]\ntrust NAME W [--dry-run] [--json]\nrights NAME [--categories LIST|all] [--black-only] [--no-prefixes] [--max-weight W|off] [--max-subjects N|off] [--probation TIME|on|off] [--dry-run] [--json]\nremove NAME [--purge] [--json]",
      .summary = "Says whom this node trusts: edits peers.conf and tells the node",
      .help = "  add CARD         trusts the member of this card; 0.5 unless --trust says otherwise\n"
              "    --trust W      from 0 (heard, never believed) to 1 (as good as a person can be)\n"
              "    --no-link      makes no connection; its words come by way of others\n"
              "  list             names, trust, fingerprints, links\n"
              "  trust NAME W     believes it more or less\n"
              "    --dry-run      changes nothing, and shows which listings it would begin or end, like `hearsay what-if`\n"
              "  rights NAME      what it, and whom it introduces, may do beside its trust; without options, shows it. `add` takes the same options\n"
              "    --categories   it counts in these alone, with commas between them; or all\n"
              "    --black-only   its good words count for nothing (--no-black-only: they do)\n"
              "    --no-prefixes  its words about networks count for nothing (--prefixes: they do)\n"
              "    --max-weight   the most that its group adds to a score, from 0.001 to 1; off: its trust\n"
              "    --max-subjects so many opinions of it are kept, the newest; off: as its trust has it\n"
              "    --probation    it is heard, and counts for nothing: for a time from now (10d), until a day (2027-02-23), on, or off\n"
              "  remove NAME      trusts it no more; what it said no longer counts\n"
              "    --purge        deletes all that it said and scores anew what leaned on it\n" },
    { .name = "members", .run = cmd_members, .usage = "[--all] [--json]",
      .summary = "Shows each member: trust, reliability, how much it says and how much leans on it",
      .help = "Works with the node down, too.\n"
              "GROUP is the peer that introduced it, or its own. BLACK and WHITE are its reliability where it speaks against or for somebody:\n"
              "1.00 for a newcomer, up to 2.00, 0 when it was refuted too often; trust times that is its weight. CONFIRMED and REFUTED fade with time.\n"
              "LEANING: listings that would end if it said nothing, all else being as it is, networks among them. LAST BATCH: as it dated its newest one here.\n\n"
              "  --all  counts SUBJECTS and LEANING also above 1,000,000 opinions or 100,000 listings, which takes a while\n" },
    { .name = "introduce", .run = cmd_introduce,
      .usage = "NAME|CARD [--share S] [--expires TIME] [--json]\n--withdraw NAME [--json]",
      .summary = "Vouches for a peer before the other members",
      .help = "Who trusts this node then believes the peer, too: by half of that trust, times the share. The peer joins this node's group,\n"
              "which never weighs more than this node is trusted. Takes effect at once, or when hearsayd starts.\n\n"
              "  --share S       from 0.001 to 1; 0.25 unless said. Shares that sum to more than 1 are divided by their sum\n"
              "  --expires TIME  a span (90d, which is the default; at most 3650d), a day (2027-02-23), or never: renewed until it is withdrawn\n"
              "  --withdraw      vouches for it no more\n" },
    { .name = "introductions", .run = cmd_introductions, .usage = "[--json]",
      .summary = "Shows who introduces whom, and what trust follows here",
      .help = "Own introductions and those that were heard. TRUST is what the introduced member has here, by whichever introduction gives it most;\n"
              "a peer of our own has the trust that we gave it. Works with the node down, too.\n" },
    { .name = "report", .run = cmd_report,
      .usage = "black|white|retract SUBJECT ... [CATEGORY] [KEY=VALUE ...] [--json]\n[black|white|retract [CATEGORY] [KEY=VALUE ...]] --from-file FILE [--json]",
      .summary = "Says what Exim would say, for subjects or a file of them",
      .help = "SUBJECT is an address, a prefix, a host or domain name, or user@domain. What has a dot, a colon or an @ in it is one, and no category.\n"
              "  KEY=VALUE         count=N, category=NAME, cause=content|trap|auth|protocol|user|dnsbl\n"
              "  --from-file FILE  a line for each subject (- for a pipe), or whole lines that begin with black, white or retract;\n"
              "                    CATEGORY and KEY=VALUE of the command go with subjects that stand alone on their line\n\n"
              "What is counted as stored is on disk. Exit status 1 when a line failed; the first 20 are named.\n" },
    { .name = "check", .run = cmd_check, .usage = "SUBJECT [--zone ZONE] [--json]",
      .summary = "Prints the answer that Exim would get: black, white or unknown",
      .help = "Exit status 0 for black or white, 1 for unknown.\n" },
    { .name = "why", .run = cmd_why, .usage = "SUBJECT [--proof FILE] [--json]",
      .summary = "Shows every opinion behind a score, and the rule that lists it or not",
      .help = "Works with the node down, too. Each batch's signature is verified while you wait.\n"
              "BLACK and WHITE are the masses as told; OPINION is what they say now, by their age, from -1 to +1;\n"
              "COUNTS is the opinion times trust and reliability, to the last digit; how it adds up, with each group's clamp, is the next table.\n"
              "  --proof FILE  writes the signed batches behind it to a file, which anybody can check: hearsay verify --proof FILE; - for\n"
              "                standard output\n\n"
              "Exit status 0 listed, 1 not listed, or nothing to prove.\n" },
    { .name = "list", .run = cmd_list, .usage = "[--zone ZONE] [--since TIME] [--json]",
      .summary = "Prints the present listings, one a line",
      .help = "Subject, zone, category, score, groups, listed since, falls off about; times in UTC. Works with the node down, too.\n"
              "  --since TIME  listed within a span (1h), or after a time (seconds since 1970, or 2026-11-20T14:02 UTC)\n" },
    { .name = "status", .run = cmd_status, .usage = "[--json]",
      .summary = "Shows how the node is: peers, rates, counts, zones, warnings",
      .help = "Exit status 0 when all is well, 1 with warnings, 3 when the node is not there.\n" },
    { .name = "what-if", .run = cmd_what_if, .usage = "trust NAME W | RIGHT NAME VALUE | threshold ZONE X | quorum ZONE N ... [--json]",
      .summary = "Shows which listings another trust, right, threshold or quorum would begin or end",
      .help = "Several changes may be named in a row; nothing is changed. Works with the node down, too.\n"
              "  trust NAME W       believes this peer so much, from 0 to 1\n"
              "  probation NAME on  hears it and counts nothing; or off. Also categories NAME spam,malware|all, black-only NAME on|off,\n"
              "                     prefixes NAME on|off, max-weight NAME W|off, max-subjects NAME N|off: see `hearsay help peer`\n"
              "  threshold ZONE X   lists from this score on\n"
              "  quorum ZONE N      wants so many groups, 0 for the automatic number\n\n"
              "Each line begins with + (would be listed) or - (would not be). Exit status 0 when something would change, 1 when nothing would.\n" },
    { .name = "delist", .run = cmd_delist,
      .usage = "SUBJECT [--for TIME] [--why TEXT] [--json]\n--lift SUBJECT [--why TEXT] [--json]\n--list [--all] [--json]",
      .summary = "Takes a subject off all lists of this node for a time, whoever says what",
      .help = "A local decision: the others are not told, and what is said of the subject is kept. To take back what this node said,\n"
              "use `hearsay report retract`. Works with the node down, too.\n"
              "  --for TIME   how long, such as 12h or 30d; 7d unless said, at most 3650d\n"
              "  --why TEXT   the reason, for the record\n"
              "  --lift       ends it before its time\n"
              "  --list       what is delisted or protected by hand now; with --all every such decision: who, when, why\n" },
    { .name = "protect", .run = cmd_protect,
      .usage = "SUBJECT [--why TEXT] [--json]\n--lift SUBJECT [--why TEXT] [--json]\n--list [--all] [--json]",
      .summary = "Keeps a subject off all lists of this node for good",
      .help = "An address, a prefix or a name with all below it. The same as `protect` in the configuration, with a record of who decided it.\n"
              "  --why TEXT, --lift, --list, --all   as with `hearsay delist`\n" },
    { .name = "tool", .run = cmd_tool,
      .usage = "grey list|clients [--json]\ngrey clear IP|NETWORK|--all [--json]\ntarpit list [--json]\ntarpit clear IP|--all [--json]\n"
               "bounces list [--json]\nbounces top [-n N] [--json]\nbounces clear USER|--all [--json]\nspf list [--json]\nspf clear IP|--all [--json]\n"
               "note list [--json]",
      .summary = "Shows and clears the state of the Exim toolbox",
      .help = "Lists work with the node down, too; to clear something it must run. What the cleared was evidence of stays:\n"
              "`hearsay report retract` takes that back. Exit status 1 when there was nothing to clear.\n"
              "  grey list      network, sender, recipient: waits for a second try, or passed\n"
              "  grey clients   networks: triplets that passed (from 5 on all mail does) and that never came back\n"
              "  tarpit list    offences by address\n"
              "  bounces top    users with the most bounces of the last hour, then of the last day; -n N of them, 20 unless said\n"
              "  spf list       domains that passed SPF lately, and from where: they share what is reported of that address\n"
              "  note list      kinds of notes that the configuration has\n" },
    { .name = "proofs", .run = cmd_proofs, .usage = "[--write DIR] [--json]",
      .summary = "Lists the proofs that members signed two different batches with one number",
      .help = "Works with the node running or down. What a member said in that epoch from there on counts for nothing; the first time is most often a restored\n"
              "backup, a second time within 30 days puts the member in quarantine. `hearsay peer trust NAME W` ends that.\n"
              "  --write DIR  writes each to a file in DIR, for others to check: hearsay verify --proof FILE\n" },
    { .name = "verify", .run = cmd_verify, .usage = "[--rebuild] [--json]\n--proof FILE [--json]",
      .summary = "Checks every stored signature and the database",
      .help = "Works with the node running or down. Exit status 1 when something is wrong.\n"
              "  --proof FILE  checks a proof instead, without a database: two batches with one number, or what was said of a subject, by whom and when.\n"
              "                Where there is a configuration, a proof about a subject must be of its federation. 0 proves, 1 proves nothing\n"
              "  --rebuild  first derives opinions, scores and listings again from the signed batches and the own evidence\n" },
    { .name = "export", .run = cmd_export, .usage = "ZONE [--format rbldnsd] [-o FILE] [--json]",
      .summary = "Writes a zone now, to its file or to another one",
      .help = "  -o FILE  another file, or - for standard output; a plain copy that the node does not keep up to date\n" },
};

const struct command *command_table(size_t *n)
{
    *n = sizeof commands / sizeof *commands;
    return commands;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}
