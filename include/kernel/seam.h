/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seam: what the C++ half may ask of the kernel, as plain C calls. The C half is in
 * net/rds/kernel/. C++ code uses the safe shapes in the other headers here instead of these.
 * net/rds/kernel/exports.c exports what transports need of it.
 */
#ifndef KERNEL_SEAM_H
#define KERNEL_SEAM_H

#include "rds/types.h"

/*
 * Lock classes, in locking order: a lock may be taken while one of an earlier line is held.
 * lockdep knows each by its name. All are taken with softirqs off.
 */
enum kernel_lock_class {
	KERNEL_LOCK_TCP_NET, /* rds_tcp: a namespace's lists of sockets */
	KERNEL_LOCK_IB_CONNS, /* rds_rdma: the list of connections, and what info shows of them */
	KERNEL_LOCK_IB_DEVICE, /* rds_rdma: a device's connections and memory regions */
	KERNEL_LOCK_TEST, /* a test transport's own */
	KERNEL_LOCK_NET, /* rds_net: tables of peers and of users */
	KERNEL_LOCK_SOCKS, /* rds_net: list of all sockets */
	KERNEL_LOCK_BIND, /* rds_net: the bound table */
	KERNEL_LOCK_SOCK_RCV, /* a socket's receive queue */
	KERNEL_LOCK_CONG, /* rds_net: congestion maps and their peers */
	KERNEL_LOCK_WATCH, /* rds_net: sockets that wait for congestion to end */
	KERNEL_LOCK_SOCK_SND, /* a socket's send list, charge, and cached peer */
	KERNEL_LOCK_LANE, /* a lane's queues and numbers */
	KERNEL_LOCK_CLASSES,
};

enum kernel_rwsem_class {
	KERNEL_RWSEM_INFO, /* the table of info functions; outer, held while one runs */
	KERNEL_RWSEM_TRANSPORTS, /* the registry */
	KERNEL_RWSEM_CLASSES,
};

enum kernel_sem_class {
	KERNEL_SEM_SEND, /* a lane's send_sem */
	KERNEL_SEM_CLASSES,
};

enum kernel_mutex_class {
	KERNEL_MUTEX_DESTROY, /* rds_net: destroying peers */
	KERNEL_MUTEX_TCP_CONN, /* rds_tcp: connecting, accepting, closing one connection */
	KERNEL_MUTEX_IB_DEVICES, /* rds_rdma: the list of devices */
	KERNEL_MUTEX_IB_FLUSH, /* rds_rdma: a device's regions are being invalidated */
	KERNEL_MUTEX_IB_CONN, /* rds_rdma: connecting, accepting; inside the CM's of the id */
	KERNEL_MUTEX_CLASSES,
};

enum kernel_work_class {
	KERNEL_WORK_LIFE, /* a lane's connect, shutdown, reconnect */
	KERNEL_WORK_SEND,
	KERNEL_WORK_RECV,
	KERNEL_WORK_REAP, /* a namespace's idle peers */
	KERNEL_WORK_UNPIN, /* pages that a device has done with */
	KERNEL_WORK_TCP_ACCEPT, /* rds_tcp: a namespace's listener */
	KERNEL_WORK_TCP_TAKE, /* rds_tcp: an accepted socket waits for its lane */
	KERNEL_WORK_IB_FLUSH, /* rds_rdma: regions that were freed */
	KERNEL_WORK_CLASSES,
};

RDS_EXTERN_C_BEGIN

/* ---- memory: A with GFP_ATOMIC, P with GFP_KERNEL ---- */

#define RDS_RAW_MAX 2040 /* the largest that kernel_alloc() has caches of its own for */
void *kernel_alloc(size_t bytes, gfp_t gfp); /* not zeroed: for who fills it in */
size_t kernel_alloc_takes(size_t bytes); /* A; memory that so many bytes take */
void *kernel_zalloc(size_t bytes, gfp_t gfp);
void kernel_free(const void *p);
void *kernel_big_zalloc(size_t bytes); /* P; may come from vmalloc */
void kernel_big_free(const void *p);

/**
 * kernel_pieces_alloc - pages for @bytes of payload, in as few and as large pieces as possible
 * Return: pieces used, at most @max; -ENOMEM with nothing held.
 */
int kernel_pieces_alloc(struct bio_vec *pieces, unsigned int max, size_t bytes, gfp_t gfp);
void kernel_pieces_free(struct bio_vec *pieces, unsigned int nr); /* A */
/** kernel_pieces_recycle - the same for those of kernel_pieces_alloc(), which may use them again. A. */
void kernel_pieces_recycle(struct bio_vec *pieces, unsigned int nr);
/** kernel_piece_of - describe @len bytes at @p, which is not from vmalloc. A. */
void kernel_piece_of(struct bio_vec *piece, const void *p, unsigned int len);

/** kernel_pieces_fill - copy from @from, or zeros when it is null. A. */
void kernel_pieces_fill(struct bio_vec *pieces, unsigned int nr, const void *from);

/* P. Copy @bytes from/to the user. Return: 0 or -EFAULT; bytes or -EFAULT. */
int kernel_pieces_from_iter(struct bio_vec *pieces, unsigned int nr, size_t bytes,
			    struct iov_iter *from);
int kernel_linear_from_iter(void *to, size_t bytes, struct iov_iter *from);
int kernel_linear_to_iter(const void *from, size_t bytes, struct iov_iter *to);
int kernel_pieces_to_iter(const struct bio_vec *pieces, unsigned int nr, size_t bytes,
			  struct iov_iter *to);

/**
 * kernel_pieces_of_user - the user's own pages that the next @bytes of @from lie in, referenced
 * P. Return: pieces, at most @max; -EFAULT, -ENOMEM with nothing held. kernel_pieces_free() ends it.
 */
int kernel_pieces_of_user(struct bio_vec *pieces, unsigned int max, size_t bytes,
			  struct iov_iter *from);
/** kernel_iter_pages - how many pieces that can be, at most */
unsigned int kernel_iter_pages(const struct iov_iter *from);

/* Locked memory of a user, charged against RLIMIT_MEMLOCK. */
struct kernel_charge {
	void *user;
	unsigned int pages;
};
/** kernel_charge_locked - for @bytes of the current user's. P. Return: 0, -ENOBUFS, -ENOMEM. */
int kernel_charge_locked(struct kernel_charge *c, size_t bytes);
void kernel_uncharge_locked(struct kernel_charge *c); /* A; once, what was charged */

struct ubuf_info;
struct rds_message;
/** kernel_message_hold - for network buffers that refer to its pages. P. NULL: no memory. */
struct ubuf_info *kernel_message_hold(struct rds_message *rm);
/** kernel_message_release - the caller's reference; buffers have theirs. A. */
void kernel_message_release(struct ubuf_info *hold);

/* ---- pages of a user that a device reads or writes: P unless said otherwise ---- */

bool kernel_may_lock(void); /* RLIMIT_MEMLOCK is not 0, or he has the right */
/**
 * kernel_pin_begin - room for @max pages of the current user's, charged as locked memory
 * Return: a scatter list that stands for the whole, or null. Ends with one of the next two.
 */
struct scatterlist *kernel_pin_begin(unsigned int max, bool write);
void kernel_unpin_now(struct scatterlist *sg);
void kernel_unpin(struct scatterlist *sg); /* A: a worker does it */
void kernel_unpin_flush(void); /* P; waits until that is done, but not for long */
/**
 * kernel_pin_add - append the pages of a range of addresses
 * @whole: entries are whole pages, not just what lies in the range. Return: 0; -EFAULT and others,
 * what was pinned by then stays in the list.
 */
int kernel_pin_add(struct scatterlist *sg, u64 addr, u64 bytes, bool whole);
/** kernel_pin_charge_only - what was pinned is let go; the charge for all of it stays. P. */
void kernel_pin_charge_only(struct scatterlist *sg);
/**
 * kernel_may_access - is all of it mapped, and writable if @write? For memory that cannot be pinned;
 * it may be unmapped again when this returns. P. Return: 0, -EFAULT and others.
 */
int kernel_may_access(u64 addr, u64 bytes, bool write);

/* Return: 0 or -EFAULT. */
int kernel_copy_from_user(void *to, u64 from, size_t bytes);
int kernel_copy_to_user(u64 to, const void *from, size_t bytes);

/** kernel_unmapped_wait - until @ready(@arg), looked at with each wake, or the task is killed. P. */
void kernel_unmapped_wait(bool (*ready)(void *arg), void *arg);
void kernel_unmapped_wake(void); /* A */

/* ---- objects by key: include/kernel/keys.h; A unless said otherwise ---- */

void kernel_keys_init(void *keys);
void kernel_keys_lock(void *keys);
void kernel_keys_unlock(void *keys);
int kernel_keys_insert(void *keys, u32 key,
		       void *entry); /* P; 0, -EBUSY, -ENOMEM; takes the lock */
void *kernel_keys_find(void *keys, u32 key); /* lock held */
void *kernel_keys_first(void *keys, u32 *key); /* lock held */
bool kernel_keys_remove(void *keys, u32 key, void *entry); /* takes the lock; it was there */

/* ---- control messages: P ---- */

struct kernel_control {
	void *at; /* null before the first */
	const void *data;
	u32 len; /* bytes of data */
	int level, type;
};
/** kernel_control_next - the next one of a sender's. Return: 1; 0 no more; -EINVAL broken. */
int kernel_control_next(struct msghdr *msg, struct kernel_control *c);
/** kernel_control_put - append one for the reader. Return: 0, MSG_CTRUNC told; -EFAULT. */
int kernel_control_put(struct msghdr *msg, int level, int type, const void *data, unsigned int len);
u64 kernel_control_room(const struct msghdr *msg); /* bytes left */
u64 kernel_control_space(unsigned int len); /* what a message of that length takes */
/** kernel_control_put_time - SO_TIMESTAMP in the form that the socket wants. Return: as put. */
int kernel_control_put_time(struct msghdr *msg, const void *sk, u64 wall_ns);

/** kernel_list_corrupted - warn that the links of @item are broken. A. */
void kernel_list_corrupted(const void *item);

/* ---- RCU and reference counts ---- */

void kernel_rcu_read_lock(void);
void kernel_rcu_read_unlock(void);
void kernel_synchronize_rcu(void); /* P */
void kernel_call_rcu(void *rcu_head, void (*func)(void *rcu_head));
void kernel_rcu_barrier(void); /* P */

void kernel_ref_init(u32 *ref);
void kernel_ref_inc(u32 *ref);
bool kernel_ref_inc_not_zero(u32 *ref);
bool kernel_ref_dec_and_test(u32 *ref);

/* ---- locks ---- */

void kernel_spin_init(void *lock, enum kernel_lock_class cls);
void kernel_spin_lock(void *lock); /* softirqs off */
void kernel_spin_unlock(void *lock);
void kernel_spin_assert_held(const void *lock);

void kernel_mutex_init(void *mutex, enum kernel_mutex_class cls);
void kernel_mutex_lock(void *mutex); /* P */
void kernel_mutex_unlock(void *mutex);
void kernel_mutex_assert_held(const void *mutex);

void kernel_sem_init(void *sem, enum kernel_sem_class cls);
void kernel_sem_down(void *sem); /* P */
bool kernel_sem_try_down(void *sem); /* A */
void kernel_sem_up(void *sem); /* A */
void kernel_sem_assert_held(void *sem);

void kernel_rwsem_init(void *rwsem, enum kernel_rwsem_class cls);
void kernel_rwsem_read_lock(void *rwsem); /* P */
void kernel_rwsem_read_unlock(void *rwsem);
void kernel_rwsem_write_lock(void *rwsem); /* P */
void kernel_rwsem_write_unlock(void *rwsem);

/* ---- work ---- */

typedef void (*kernel_work_func)(void *work);

/* Work runs in process context on an unbound queue; never twice at once. */
void kernel_work_init(void *work, kernel_work_func func, enum kernel_work_class cls);
bool kernel_work_queue(void *work, unsigned long delay_ticks); /* A; false: was queued already */
void kernel_work_requeue(void *work, unsigned long delay_ticks); /* A; changes the delay */
bool kernel_work_cancel(void *work); /* P; waits; true: it was pending */
void kernel_work_flush(void *work); /* P; runs it now, if it is pending, and waits */
void kernel_cond_resched(void); /* P */

/* ---- time, chance, identity, log ---- */

unsigned long kernel_ticks(void); /* jiffies */
unsigned long kernel_ms_to_ticks(unsigned int ms);
u64 kernel_wall_ns(void);
u64 kernel_clock_ns(void); /* for differences */
u32 kernel_random(void);
u32 kernel_random_below(u32 ceiling);
u32 kernel_hash(const u32 *words, unsigned int nr, u32 seed);
u32 kernel_uid(void); /* of the current task, initial user namespace */
bool kernel_capable_net_admin(void); /* in the initial user namespace */
int kernel_load_module(const char *name); /* P; waits. Return: 0 or errno */
bool kernel_module_get(struct module *owner);
void kernel_module_put(struct module *owner);
/** kernel_log - one line, rate limited; @fmt as printk, no newline */
__attribute__((format(printf, 1, 2))) void kernel_log(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void kernel_log_info(const char *fmt, ...);
/** kernel_log_often - kernel_log_info, rate limited, of what peers and users may make happen */
__attribute__((format(printf, 1, 2))) void kernel_log_often(const char *fmt, ...);

/* ---- namespaces ---- */

void *kernel_net_rds(const struct net *net); /* the core's struct rds_net */
bool kernel_net_is_dying(const struct net *net);
/** kernel_net_each - call @func for each namespace; P */
void kernel_net_each(void (*func)(struct net *net, void *arg), void *arg);

/* ---- struct sock of an rds_sock ---- */

void kernel_sock_hold(void *sk);
bool kernel_sock_hold_not_zero(void *sk);
void kernel_sock_put(void *sk); /* A */
void kernel_sock_lock(void *sk); /* P */
void kernel_sock_unlock(void *sk);
void kernel_sock_wake(void *sk); /* A */
void kernel_sock_wake_rcu(void *sk); /* the same in an RCU section */
/**
 * kernel_sock_wait - sleep on the socket until @ready(@arg), a signal or the end of @ticks
 * Return: > 0 ticks left, 0 time is up, -ERESTARTSYS. Context: P.
 */
long kernel_sock_wait(void *sk, bool (*ready)(void *arg), void *arg, long ticks);
u64 kernel_sock_inode(void *sk);

/* ---- counters, per CPU ---- */

u64 *kernel_stats_alloc(unsigned int nr); /* P; one array for each CPU */
void kernel_stats_free(u64 *stats);
void kernel_stats_add(u64 *stats, unsigned int which, u64 n); /* A */
u64 kernel_stats_sum(u64 *stats, unsigned int which);

RDS_EXTERN_C_END

#endif /* KERNEL_SEAM_H */
