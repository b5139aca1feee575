/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The workbench: what test bodies in C++ need of the kernel, and the one check function. Compiles
 * in C and C++. Process context unless said otherwise, no locks.
 */
#ifndef RDS_KUNIT_BENCH_H
#define RDS_KUNIT_BENCH_H

#include "rds/types.h"

struct kunit;
struct socket;
struct bench_thread;

/* Where a message came from, and what else recvmsg said. Addresses in host order. */
struct bench_from {
	u32 addr;
	u16 port;
	u16 truncated;
	u64 cong; /* RDS_CMSG_CONG_UPDATE, 0: none */
};

RDS_EXTERN_C_BEGIN

/* ---- verdicts ---- */

/** bench_fail - the case has failed; it goes on. A. */
void bench_fail(struct kunit *test, const char *file, int line, const char *text, long long a,
		long long b);
void bench_skip(struct kunit *test, const char *why);

/* ---- threads, waiting ---- */

struct bench_thread *bench_start(void (*func)(void *arg), void *arg); /* NULL: no memory */
void bench_join(struct bench_thread *t);
/** bench_wait - until @cond(@arg), looked at with every bench_wake() and every tick */
bool bench_wait(bool (*cond)(void *arg), void *arg, unsigned int ms);
bool bench_wait_woken(bool (*cond)(void *arg), void *arg, unsigned int ms);
void bench_wake(void); /* A */
void bench_sleep(unsigned int ms);
void bench_yield(void);
int bench_cpus(void);
/** bench_softirq - run @func(@arg) in a softirq; returns when it is done */
void bench_softirq(void (*func)(void *arg), void *arg);
bool bench_in_softirq(void); /* A */
/** bench_may_sleep - the caller is a hook that may sleep: complains where it may not. P. */
void bench_may_sleep(void);

/* ---- faults: the @nth allocation from now on of this thread fails ---- */

void bench_fault(int nth);
/** bench_fault_end - Return: did it come to that? */
bool bench_fault_end(void);

/* ---- sockets of the initial namespace, or of @net ---- */

struct socket *bench_socket(struct net *net); /* NULL: could not */
void bench_close(struct socket *sock);
int bench_bind(struct socket *sock, u32 addr, u16 port);
int bench_connect(struct socket *sock, u32 addr, u16 port);
u16 bench_port(struct socket *sock); /* 0: not bound */
long bench_send(struct socket *sock, u32 addr, u16 port, const void *buf, size_t len, int flags);
long bench_recv(struct socket *sock, void *buf, size_t len, int flags, struct bench_from *from);
int bench_option(struct socket *sock, int name, const void *value, unsigned int len);
unsigned int bench_poll(struct socket *sock);
void bench_buffers(struct socket *sock, u32 send_limit, u32 recv_limit); /* 0: as it is */
void bench_timeouts(struct socket *sock, unsigned int ms);
/** bench_has_waiter - does anybody sleep on the socket? What happens now wakes him. */
bool bench_has_waiter(struct socket *sock);
struct rds_sock *bench_rds(struct socket *sock);

/* ---- control messages, and payload in pages of one's own ---- */

struct bench_pages; /* so many, of 4 KiB each */
struct bench_pages *bench_pages_make(unsigned int nr); /* NULL: no memory */
void bench_pages_free(struct bench_pages *p);
void *bench_page(struct bench_pages *p, unsigned int i);
/** bench_pages_held - references of others to any of them */
unsigned int bench_pages_held(struct bench_pages *p);

/** bench_control_add - append a control message to @buf, of which @used bytes are. Return: now */
size_t bench_control_add(void *buf, size_t used, int level, int type, const void *data, size_t len);
/** bench_control_find - the data of the first such one. NULL: there is none. */
const void *bench_control_find(void *buf, size_t used, int level, int type);

struct bench_message {
	u32 addr; /* 0: no name */
	u16 port;
	int flags;
	void *buf;
	size_t len; /* of @buf, or of @pages from byte @off on */
	struct bench_pages *pages;
	unsigned int off;
	void *control;
	size_t control_len; /* received: what is used */
	int got_flags; /* received: msg_flags */
};
long bench_sendmsg(struct socket *sock, struct bench_message *m);
long bench_recvmsg(struct socket *sock, struct bench_message *m);
void bench_zerocopy(struct socket *sock, bool on); /* SO_ZEROCOPY */

/* ---- payload ---- */

void bench_from_piece(void *to, const struct bio_vec *piece, unsigned int off, unsigned int len);
int bench_to_iter(const void *from, u32 len, struct iov_iter *to); /* bytes or -EFAULT */

/* ---- namespaces ---- */

struct net *bench_init_net(void);
/** bench_net_make - a namespace of its own, counted, that lives on until bench_net_put() */
struct net *bench_net_make(void);
/** bench_net_put - drop it, and wait until it is gone. Return: it is. */
bool bench_net_put(struct net *net);
/**
 * bench_cable_make - two namespaces joined by a cable, with addresses 10.97.0.1 and 10.97.0.2
 * Return: 0, both counted; or errno (no iproute2: run-kunit -f ip) and none.
 */
int bench_cable_make(struct net *nets[2]);
/** bench_cable_put - as bench_net_put(), for both */
bool bench_cable_put(struct net *nets[2]);

/* ---- modules ---- */

struct module *bench_module(void);
int bench_module_refs(struct module *module);

RDS_EXTERN_C_END

#endif /* RDS_KUNIT_BENCH_H */
