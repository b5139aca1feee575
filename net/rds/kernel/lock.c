// SPDX-License-Identifier: GPL-2.0
/* Seam: locks, RCU, reference counts. The lockdep keys of all C++ locks live here. */
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "objects.h"

static const char *const spin_names[KERNEL_LOCK_CLASSES] = {
	[KERNEL_LOCK_TCP_NET] = "rds_tcp_net",	 [KERNEL_LOCK_TEST] = "rds_test",
	[KERNEL_LOCK_IB_CONNS] = "rds_ib_conns", [KERNEL_LOCK_IB_DEVICE] = "rds_ib_device",
	[KERNEL_LOCK_NET] = "rds_net",		 [KERNEL_LOCK_SOCKS] = "rds_net_socks",
	[KERNEL_LOCK_BIND] = "rds_bind",	 [KERNEL_LOCK_SOCK_RCV] = "rds_sock_rcv",
	[KERNEL_LOCK_CONG] = "rds_cong",	 [KERNEL_LOCK_WATCH] = "rds_cong_watch",
	[KERNEL_LOCK_SOCK_SND] = "rds_sock_snd", [KERNEL_LOCK_LANE] = "rds_lane",
};
static struct lock_class_key spin_keys[KERNEL_LOCK_CLASSES];

void kernel_spin_init(void *lock, enum kernel_lock_class cls)
{
	spinlock_t *spin = lock;

	spin_lock_init(spin);
	lockdep_set_class_and_name(spin, &spin_keys[cls], spin_names[cls]);
}

void kernel_spin_lock(void *lock) __acquires(lock)
{
	spin_lock_bh((spinlock_t *)lock);
}

void kernel_spin_unlock(void *lock) __releases(lock)
{
	spin_unlock_bh((spinlock_t *)lock);
}

void kernel_spin_assert_held(const void *lock)
{
	lockdep_assert_held((const spinlock_t *)lock);
}

static const char *const mutex_names[KERNEL_MUTEX_CLASSES] = {
	[KERNEL_MUTEX_DESTROY] = "rds_net_destroy",
	[KERNEL_MUTEX_TCP_CONN] = "rds_tcp_conn_mutex",
	[KERNEL_MUTEX_IB_DEVICES] = "rds_ib_devices",
	[KERNEL_MUTEX_IB_FLUSH] = "rds_ib_flush",
	[KERNEL_MUTEX_IB_CONN] = "rds_ib_conn_mutex",
};
static struct lock_class_key mutex_keys[KERNEL_MUTEX_CLASSES];

void kernel_mutex_init(void *mutex, enum kernel_mutex_class cls)
{
	__mutex_init(mutex, mutex_names[cls], &mutex_keys[cls]);
}

void kernel_mutex_lock(void *mutex)
{
	mutex_lock(mutex);
}

void kernel_mutex_unlock(void *mutex)
{
	mutex_unlock(mutex);
}

void kernel_mutex_assert_held(const void *mutex)
{
	lockdep_assert_held((const struct mutex *)mutex);
}

#ifdef CONFIG_LOCKDEP
static struct lock_class_key sem_keys[KERNEL_SEM_CLASSES];
#endif

void kernel_sem_init(void *p, enum kernel_sem_class cls)
{
	struct seam_semaphore *s = p;

	atomic_set(&s->taken, 0);
	init_waitqueue_head(&s->waiters);
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&s->dep_map, "rds_send_sem", &sem_keys[cls], 0);
#endif
}

static bool sem_take(struct seam_semaphore *s)
{
	return atomic_cmpxchg_acquire(&s->taken, 0, 1) == 0;
}

/* Told to lockdep as a mutex: that is what it is, but for softirqs that try it. */
void kernel_sem_down(void *p)
{
	struct seam_semaphore *s = p;

	might_sleep();
	mutex_acquire(&s->dep_map, 0, 0, _RET_IP_);
	wait_event(s->waiters, sem_take(s));
}

bool kernel_sem_try_down(void *p)
{
	struct seam_semaphore *s = p;

	if (!sem_take(s))
		return false;
	mutex_acquire(&s->dep_map, 0, 1, _RET_IP_);
	return true;
}

/* Who waits may have it, and call_rcu() for its memory, before the last look here: hence RCU. */
void kernel_sem_up(void *p)
{
	struct seam_semaphore *s = p;

	mutex_release(&s->dep_map, _RET_IP_);
	rcu_read_lock();
	atomic_set_release(&s->taken, 0);
	smp_mb(); /* pairs with the one in prepare_to_wait() */
	if (waitqueue_active(&s->waiters))
		wake_up(&s->waiters);
	rcu_read_unlock();
}

void kernel_sem_assert_held(void *p)
{
	struct seam_semaphore *s __maybe_unused = p;

	lockdep_assert(lock_is_held(&s->dep_map));
}

static const char *const rwsem_names[KERNEL_RWSEM_CLASSES] = {
	[KERNEL_RWSEM_INFO] = "rds_info",
	[KERNEL_RWSEM_TRANSPORTS] = "rds_transports",
};
static struct lock_class_key rwsem_keys[KERNEL_RWSEM_CLASSES];

void kernel_rwsem_init(void *rwsem, enum kernel_rwsem_class cls)
{
	__init_rwsem(rwsem, rwsem_names[cls], &rwsem_keys[cls]);
}

void kernel_rwsem_read_lock(void *rwsem)
{
	down_read(rwsem);
}

void kernel_rwsem_read_unlock(void *rwsem)
{
	up_read(rwsem);
}

void kernel_rwsem_write_lock(void *rwsem)
{
	down_write(rwsem);
}

void kernel_rwsem_write_unlock(void *rwsem)
{
	up_write(rwsem);
}

void kernel_rcu_read_lock(void) __acquires(RCU)
{
	rcu_read_lock();
}

void kernel_rcu_read_unlock(void) __releases(RCU)
{
	rcu_read_unlock();
}

void kernel_synchronize_rcu(void)
{
	synchronize_rcu();
}

static void rcu_call(struct rcu_head *head)
{
	struct seam_rcu *r = container_of(head, struct seam_rcu, head);

	r->func(r);
}

void kernel_call_rcu(void *rcu_head, void (*func)(void *rcu_head))
{
	struct seam_rcu *r = rcu_head;

	r->func = func;
	call_rcu(&r->head, rcu_call);
}

void kernel_rcu_barrier(void)
{
	rcu_barrier();
}

void kernel_ref_init(u32 *ref)
{
	refcount_set((refcount_t *)ref, 1);
}

void kernel_ref_inc(u32 *ref)
{
	refcount_inc((refcount_t *)ref);
}

bool kernel_ref_inc_not_zero(u32 *ref)
{
	return refcount_inc_not_zero((refcount_t *)ref);
}

bool kernel_ref_dec_and_test(u32 *ref)
{
	return refcount_dec_and_test((refcount_t *)ref);
}
