#include "node/spf_cage.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MEMORY_MAX = 256 << 20, FILES_MAX = 32 };

/* The sanitizers reserve more address space than any limit would leave. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static int limit(void)
{
    const struct rlimit none = { 0, 0 }, files = { FILES_MAX, FILES_MAX }, memory = { MEMORY_MAX, MEMORY_MAX };
    int rc = setrlimit(RLIMIT_CORE, &none) | setrlimit(RLIMIT_FSIZE, &none) | setrlimit(RLIMIT_NOFILE, &files);
    if (!SANITIZED)
        rc |= setrlimit(RLIMIT_AS, &memory);
    return rc == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* Every way to a file is handled, none is allowed. Needs Linux 5.13. */
static int wall_off_files(void)
{
    const struct landlock_ruleset_attr all = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
        LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
        LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    int rc = rules < 0 ? -1 : (int)syscall(SYS_landlock_restrict_self, rules, 0);
    if (rules >= 0)
        close(rules);
    return rc == 0;
}

#if defined(__x86_64__)
#define CAGE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CAGE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define CAGE_ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef CAGE_ARCH
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define REFUSE_CALL(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), REFUSE
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/* Not a list of all that is needed: glibc may change its ways. A list of the ways out. The second architecture of x86-64 has numbers of its own, all
 * above the bit that is tested here. */
static int wall_off_calls(void)
{
    struct sock_filter calls[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CAGE_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x40000000, 0, 1),
        REFUSE,
        REFUSE_CALL(SYS_execve),
        REFUSE_CALL(SYS_execveat),
        REFUSE_CALL(SYS_clone3),
#ifdef SYS_fork
        REFUSE_CALL(SYS_fork),
        REFUSE_CALL(SYS_vfork),
#endif
        REFUSE_CALL(SYS_ptrace),
        REFUSE_CALL(SYS_process_vm_readv),
        REFUSE_CALL(SYS_process_vm_writev),
        REFUSE_CALL(SYS_kill),
        REFUSE_CALL(SYS_tkill),
        REFUSE_CALL(SYS_pidfd_open),
        REFUSE_CALL(SYS_pidfd_send_signal),
        REFUSE_CALL(SYS_pidfd_getfd),
        REFUSE_CALL(SYS_io_uring_setup),
        REFUSE_CALL(SYS_bpf),
        REFUSE_CALL(SYS_keyctl),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1),
        REFUSE,
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { .len = sizeof calls / sizeof *calls, .filter = calls };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
#else
static int wall_off_calls(void)
{
    return 0;
}
#endif

int spf_cage_enter(void)
{
    int walls = limit();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return walls;
    walls += wall_off_files();
    return walls + wall_off_calls();
}
