// SPDX-License-Identifier: GPL-2.0
/* The workbench's C half: see bench.h. Kernel things, no RDS decision. */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/in.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/proc_ns.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/timer.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "bench.h"

void bench_fail(struct kunit *test, const char *file, int line, const char *text, long long a,
		long long b)
{
	KUNIT_FAIL(test, "%s:%d: %s (%lld, %lld)", kbasename(file), line, text, a, b);
}

void bench_skip(struct kunit *test, const char *why)
{
	kunit_mark_skipped(test, "%s", why);
}

/*
 * ---- threads ----
 */

struct bench_thread {
	struct task_struct *task;
	void (*func)(void *arg);
	void *arg;
	struct completion done;
};

static int thread_main(void *arg)
{
	struct bench_thread *t = arg;

	t->func(t->arg);
	complete(&t->done);
	/* not before somebody joins: then nothing runs in this module after that */
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

struct bench_thread *bench_start(void (*func)(void *arg), void *arg)
{
	struct bench_thread *t = kmalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->func = func;
	t->arg = arg;
	init_completion(&t->done);
	t->task = kthread_create(thread_main, t, "rds_test");
	if (IS_ERR(t->task)) {
		kfree(t);
		return NULL;
	}
	get_task_struct(t->task);
	wake_up_process(t->task);
	return t;
}

void bench_join(struct bench_thread *t)
{
	/* a thread that is stopped before it has started would not start */
	wait_for_completion(&t->done);
	kthread_stop(t->task);
	put_task_struct(t->task);
	kfree(t);
}

static DECLARE_WAIT_QUEUE_HEAD(bench_queue);
static atomic_t bench_wakes;

/* @cond may sleep itself, so it is not asked inside wait_event(). */
static bool wait_in_steps(bool (*cond)(void *arg), void *arg, unsigned int ms, long step)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	int seen;

	do {
		seen = atomic_read(&bench_wakes);
		if (cond(arg))
			return true;
		wait_event_timeout(bench_queue, atomic_read(&bench_wakes) != seen,
				   clamp_t(long, end - jiffies, 1, step));
	} while (time_before(jiffies, end));
	return cond(arg);
}

bool bench_wait(bool (*cond)(void *arg), void *arg, unsigned int ms)
{
	return wait_in_steps(cond, arg, ms, 1);
}

/* For what bench_wake() announces: a hundred threads that look each tick are a load. */
bool bench_wait_woken(bool (*cond)(void *arg), void *arg, unsigned int ms)
{
	return wait_in_steps(cond, arg, ms, LONG_MAX);
}

void bench_wake(void)
{
	atomic_inc(&bench_wakes);
	wake_up_all(&bench_queue);
}

void bench_sleep(unsigned int ms)
{
	schedule_timeout_uninterruptible(msecs_to_jiffies(ms));
}

void bench_yield(void)
{
	yield();
}

int bench_cpus(void)
{
	return num_online_cpus();
}

struct softirq_call {
	struct timer_list timer;
	void (*func)(void *arg);
	void *arg;
	struct completion done;
};

static void softirq_main(struct timer_list *timer)
{
	struct softirq_call *call = container_of(timer, struct softirq_call, timer);

	call->func(call->arg);
	complete(&call->done);
}

void bench_softirq(void (*func)(void *arg), void *arg)
{
	struct softirq_call call = {.func = func, .arg = arg};

	init_completion(&call.done);
	timer_setup_on_stack(&call.timer, softirq_main, 0);
	mod_timer(&call.timer, jiffies);
	wait_for_completion(&call.done);
	/* the timer's last word comes after ours */
	del_timer_sync(&call.timer);
	destroy_timer_on_stack(&call.timer);
}

bool bench_in_softirq(void)
{
	return in_serving_softirq();
}

void bench_may_sleep(void)
{
	might_sleep();
}

/*
 * ---- faults ----
 */

void bench_fault(int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	WRITE_ONCE(current->fail_nth, nth);
#endif
}

bool bench_fault_end(void)
{
#ifdef CONFIG_FAULT_INJECTION
	bool hit = !READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	return hit;
#else
	return false;
#endif
}

/*
 * ---- sockets ----
 */

struct socket *bench_socket(struct net *net)
{
	struct socket *sock;

	return sock_create_kern(net, AF_RDS, SOCK_SEQPACKET, 0, &sock) ? NULL : sock;
}

void bench_close(struct socket *sock)
{
	sock_release(sock);
}

static struct sockaddr_in name_of(u32 addr, u16 port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(addr)};
}

int bench_bind(struct socket *sock, u32 addr, u16 port)
{
	struct sockaddr_in name = name_of(addr, port);

	return kernel_bind(sock, (struct sockaddr *)&name, sizeof(name));
}

int bench_connect(struct socket *sock, u32 addr, u16 port)
{
	struct sockaddr_in name = name_of(addr, port);

	return kernel_connect(sock, (struct sockaddr *)&name, sizeof(name), 0);
}

u16 bench_port(struct socket *sock)
{
	struct sockaddr_storage name = {};

	if (kernel_getsockname(sock, (struct sockaddr *)&name) < 0)
		return 0;
	return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

long bench_send(struct socket *sock, u32 addr, u16 port, const void *buf, size_t len, int flags)
{
	struct sockaddr_in name = name_of(addr, port);
	struct msghdr msg = {
		.msg_name = addr ? &name : NULL,
		.msg_namelen = addr ? sizeof(name) : 0,
		.msg_flags = flags,
	};
	struct kvec vec = {.iov_base = (void *)buf, .iov_len = len};

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

/* The one control message that our sockets write here. */
static u64 cong_update(const void *control, size_t len)
{
	const struct cmsghdr *cmsg = control;
	u64 mask = 0;

	if (len >= CMSG_LEN(sizeof(mask)) && cmsg->cmsg_level == SOL_RDS &&
	    cmsg->cmsg_type == RDS_CMSG_CONG_UPDATE)
		memcpy(&mask, CMSG_DATA(cmsg), sizeof(mask));
	return mask;
}

long bench_recv(struct socket *sock, void *buf, size_t len, int flags, struct bench_from *from)
{
	u8 control[CMSG_SPACE(sizeof(u64))] __aligned(8) = {};
	struct sockaddr_in name = {};
	struct msghdr msg = {
		.msg_name = &name,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct kvec vec = {.iov_base = buf, .iov_len = len};
	long n = kernel_recvmsg(sock, &msg, &vec, 1, len, flags);

	if (n < 0 || !from)
		return n;
	from->addr = ntohl(name.sin_addr.s_addr);
	from->port = ntohs(name.sin_port);
	from->truncated = !!(msg.msg_flags & MSG_TRUNC);
	from->cong = cong_update(control, sizeof(control) - msg.msg_controllen);
	return n;
}

int bench_option(struct socket *sock, int name, const void *value, unsigned int len)
{
	return sock->ops->setsockopt(sock, SOL_RDS, name, KERNEL_SOCKPTR((void *)value), len);
}

unsigned int bench_poll(struct socket *sock)
{
	return (__force unsigned int)sock->ops->poll(NULL, sock, NULL);
}

void bench_buffers(struct socket *sock, u32 send_limit, u32 recv_limit)
{
	if (send_limit)
		WRITE_ONCE(sock->sk->sk_sndbuf, 2 * send_limit);
	if (recv_limit)
		WRITE_ONCE(sock->sk->sk_rcvbuf, 2 * recv_limit);
}

void bench_timeouts(struct socket *sock, unsigned int ms)
{
	WRITE_ONCE(sock->sk->sk_sndtimeo, msecs_to_jiffies(ms));
	WRITE_ONCE(sock->sk->sk_rcvtimeo, msecs_to_jiffies(ms));
}

bool bench_has_waiter(struct socket *sock)
{
	return wq_has_sleeper(&sock->wq.wait);
}

struct rds_sock *bench_rds(struct socket *sock)
{
	return (struct rds_sock *)sock->sk;
}

/*
 * ---- payload ----
 */

void bench_from_piece(void *to, const struct bio_vec *piece, unsigned int off, unsigned int len)
{
	memcpy(to, page_address(piece->bv_page) + piece->bv_offset + off, len);
}

int bench_to_iter(const void *from, u32 len, struct iov_iter *to)
{
	size_t n = min_t(size_t, len, iov_iter_count(to));

	return copy_to_iter(from, n, to) == n ? n : -EFAULT;
}

/*
 * ---- namespaces ----
 */

struct net *bench_init_net(void)
{
	return &init_net;
}

static struct net *newest_net(void)
{
	struct net *net, *last = NULL;

	down_read(&net_rwsem);
	for_each_net (net)
		last = net;
	if (last && !net_eq(last, &init_net))
		last = maybe_get_net(last);
	up_read(&net_rwsem);
	return last;
}

/* No module may unshare: a program does, whose end leaves the namespace to our reference. */
struct net *bench_net_make(void)
{
	char *argv[] = {"/bin/busybox", "unshare", "-n", "/bin/busybox", "sleep", "1", NULL};
	char *envp[] = {"PATH=/bin", NULL};
	struct net *before = newest_net(), *net = before;
	unsigned long end = jiffies + 5 * HZ;

	if (call_usermodehelper(argv[0], argv, envp, UMH_WAIT_EXEC))
		net = NULL;
	while (net == before && net && time_before(jiffies, end)) {
		if (!net_eq(net, &init_net))
			put_net(net);
		schedule_timeout_uninterruptible(1);
		net = newest_net();
	}
	if (before && !net_eq(before, &init_net))
		put_net(before);
	return net && !net_eq(net, &init_net) && net != before ? net : NULL;
}

static bool net_listed(const struct net *which)
{
	struct net *net;
	bool found = false;

	down_read(&net_rwsem);
	for_each_net (net)
		found |= net == which;
	up_read(&net_rwsem);
	return found;
}

bool bench_net_put(struct net *net)
{
	unsigned long end = jiffies + 20 * HZ;

	put_net(net);
	while (net_listed(net) && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	/* off the list is the beginning of its end: net_mutex is held until all exits have run */
	down_write(&pernet_ops_rwsem);
	up_write(&pernet_ops_rwsem);
	return !net_listed(net);
}

static int run_shell(char *script)
{
	char *argv[] = {"/bin/busybox", "sh", "-ec", script, NULL};
	char *envp[] = {"PATH=/bin", NULL};
	int status = call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC);

	return status > 0 ? -ENOENT : status;
}

/* A namespace by what "ip netns add" has left; counted. A file would be closed later than here. */
static struct net *named_net(const char *name)
{
	struct path path;
	struct net *net;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return NULL;
	net = get_net(container_of(get_proc_ns(d_inode(path.dentry)), struct net, ns));
	path_put(&path);
	return net;
}

/* Not by its name: a shell of busybox prefers its own, which has no namespaces. */
#define IP "ip=/job/bin/ip;"
#define REMOVE_CABLE                                                                               \
	IP "bad=0; for name in rds_near rds_far; do $ip netns del $name || bad=1; done; exit $bad"

int bench_cable_make(struct net *nets[2])
{
	int err = run_shell(
		IP "$ip netns add rds_near; $ip netns add rds_far;"
		   "$ip link add eth0 netns rds_near type veth peer name eth0 netns rds_far;"
		   "up() { for dev in lo eth0; do $ip -n $1 link set $dev up; done; };"
		   "$ip -n rds_near addr add 10.97.0.1/24 dev eth0; up rds_near;"
		   "$ip -n rds_far addr add 10.97.0.2/24 dev eth0; up rds_far");

	if (err)
		goto failed;
	nets[0] = named_net("/run/netns/rds_near");
	nets[1] = named_net("/run/netns/rds_far");
	if (nets[0] && nets[1])
		return 0;
	err = -ENOENT;
	if (nets[0])
		put_net(nets[0]);
	if (nets[1])
		put_net(nets[1]);
failed:
	run_shell(REMOVE_CABLE);
	return err;
}

bool bench_cable_put(struct net *nets[2])
{
	bool unnamed = !run_shell(REMOVE_CABLE);
	bool near_gone = bench_net_put(nets[0]);
	bool far_gone = bench_net_put(nets[1]);

	return unnamed && near_gone && far_gone;
}

/*
 * ---- modules ----
 */

struct module *bench_module(void)
{
	return THIS_MODULE;
}

int bench_module_refs(struct module *module)
{
	return module ? module_refcount(module) : 0;
}
