// SPDX-License-Identifier: GPL-2.0
/* Seam: the struct sock inside an rds_sock. */
#include <linux/wait.h>
#include <net/sock.h>

#include "kernel/seam.h"

void kernel_sock_hold(void *sk)
{
	sock_hold(sk);
}

bool kernel_sock_hold_not_zero(void *p)
{
	struct sock *sk = p;

	return refcount_inc_not_zero(&sk->sk_refcnt);
}

void kernel_sock_put(void *sk)
{
	sock_put(sk);
}

void kernel_sock_lock(void *sk)
{
	lock_sock(sk);
}

void kernel_sock_unlock(void *sk)
{
	release_sock(sk);
}

/*
 * Wakes who sleeps or polls, if anybody does; untyped, so that epoll looks for itself. The wait
 * queue goes with the file, hence RCU and the test.
 */
void kernel_sock_wake_rcu(void *p)
{
	struct sock *sk = p;
	struct socket_wq *wq = rcu_dereference(sk->sk_wq);

	if (skwq_has_sleeper(wq))
		wake_up_interruptible_all(&wq->wait);
}

void kernel_sock_wake(void *sk)
{
	rcu_read_lock();
	kernel_sock_wake_rcu(sk);
	rcu_read_unlock();
}

long kernel_sock_wait(void *p, bool (*ready)(void *arg), void *arg, long ticks)
{
	struct sock *sk = p;

	return wait_event_interruptible_timeout(*sk_sleep(sk), ready(arg), ticks);
}

u64 kernel_sock_inode(void *sk)
{
	return sock_i_ino(sk);
}
