#include "tools/init_template.h"

#include <errno.h>
#include <string.h>

/* A word between two @ is a value. */
static const char config_text[] =
    "# hearsay.conf: what this node does. Every option and its default: hearsay.conf(5).\n"
    "# Check it:         hearsayd -t -c FILE\n"
    "# Put it in force:  systemctl reload hearsayd, or kill -HUP\n"
    "# Paths are relative to this file. Times are \"90s\", \"15m\", \"12h\", \"3d\".\n"
    "\n"
    "name = \"@name@\"\n"
    "\n"
    "# The coalition. All its members say the same here; the secret keys the hashes that stand for sender addresses.\n"
    "# With a secret in it, this file is for its owner and group alone: chmod 640.\n"
    "federation = \"@federation@\"\n"
    "# secret = \"...\"\n"
    "\n"
    "# This member's keys, mode 0600: keep a copy where nobody else can read it. And all that the node knows.\n"
    "identity = \"identity.pem\"\n"
    "database = \"hearsay.db\"\n"
    "\n"
    "# Whom this node trusts. `hearsay peer` writes that file.\n"
    "include(\"peers.conf\")\n"
    "\n"
    "# Exim and other local reporters speak here.\n"
    "report \"unix:run/report.sock\" {\n"
    "  mode = \"0660\"\n"
    "  # group = \"Debian-exim\"            # the default where there is such a group\n"
    "}\n"
    "report \"tcp:127.0.0.1:@report@\" {\n"
    "  allow = { \"127.0.0.0/8\", \"::1\" }    # no other host may report\n"
    "}\n"
    "\n"
    "# Other members connect here. Both ports must be reachable for them; strangers are refused by their keys.\n"
    "# This member's card gives the advertised host name or address to the others.\n"
    "mesh {\n"
    "  publish = \"tcp://0.0.0.0:@publish@\"\n"
    "  repair = \"tcp://0.0.0.0:@repair@\"\n"
    "  advertise = \"@advertise@\"\n"
    "  # budget = \"20kB/s\"                # how long own words wait for company; what peers fetch is not bounded by it\n"
    "}\n"
    "\n"
    "# The zone file that rbldnsd serves.\n"
    "zone \"bl.@name@\" {\n"
    "  file = \"zones/bl.@name@\"\n"
    "  lists = \"black\"\n"
    "  # threshold = 1.0                 # score at which a subject is listed; 1.0: one fully trusted member who is quite sure\n"
    "  # quorum = 2                      # so many groups must say so; by default 2, and 3 from ten groups on\n"
    "  # own = true                      # what this node itself saw may list alone\n"
    "  # networks = true                 # when 5 addresses of a /24 (IPv6: /64s of a /48) are listed by 2 groups, so is the smallest prefix around them\n"
    "  # ttl = 300\n"
    "  # ns = { \"ns.@name@\" }\n"
    "  # contact = \"hostmaster.@name@\"\n"
    "  # text = \"Listed by $categories; see https://@name@/why?$subject\"\n"
    "}\n"
    "\n"
    "# Good hosts in a zone of their own.\n"
    "# zone \"wl.@name@\" { file = \"zones/wl.@name@\"  lists = \"white\" }\n"
    "\n"
    "# A softer zone, for greylisting or a score: one believed member is enough. `check` without zone=NAME then says\n"
    "# \"black\" for what is listed here, too.\n"
    "# zone \"suspect.@name@\" { file = \"zones/suspect.@name@\"  lists = \"black\"  threshold = 0.3  quorum = 1 }\n"
    "\n"
    "# Never listed, whoever says so: name your own networks and those of your best customers.\n"
    "# protect = { \"192.0.2.0/24\", \"2001:db8:25::/48\", \"@name@\" }\n";

static const char peers_text[] =
    "# peers.conf: the members whom @name@ trusts. `hearsay peer add`, `trust` and `remove` edit this file\n"
    "# and keep comments; it may be edited by hand as well.\n";

static void write_value(FILE *to, const char *key, size_t len, const struct init_values *v)
{
    const struct { const char *key, *text; unsigned number; } values[] = {
        { "name", v->name, 0 }, { "federation", v->federation, 0 }, { "advertise", v->advertise, 0 },
        { "report", NULL, v->report_port }, { "publish", NULL, v->publish_port }, { "repair", NULL, v->repair_port }
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strlen(values[i].key) != len || memcmp(values[i].key, key, len) != 0)
            continue;
        if (values[i].text != NULL)
            fputs(values[i].text, to);
        else
            fprintf(to, "%u", values[i].number);
    }
}

static int write_text(FILE *to, const char *text, const struct init_values *v)
{
    for (;;) {
        size_t plain = strcspn(text, "@");
        fwrite(text, 1, plain, to);
        text += plain;
        if (*text == '\0')
            return ferror(to) ? -EIO : 0;
        size_t len = strcspn(text + 1, "@");
        write_value(to, text + 1, len, v);
        text += len + 2;
    }
}

int init_write_config(FILE *to, const struct init_values *v)
{
    return write_text(to, config_text, v);
}

int init_write_peers(FILE *to, const struct init_values *v)
{
    return write_text(to, peers_text, v);
}
