// SPDX-License-Identifier: GPL-2.0
/*
 * What C++ must know of the kernel's own headers: sizes and alignments of the objects that it
 * holds by value, and constants that UAPI headers lack. Compiled, never linked: Kbuild makes a
 * line of generated/layout.h of each DEFINE.
 */
#include <linux/bvec.h>
#include <linux/dma-direction.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kbuild.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/semaphore.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/sock.h>

#include "kernel/layout_members.h"
#include "net/rds/kernel/objects.h"
#include "rds/transport.h"

#define SIZE_OF(type)		DEFINE(SIZE_##type, sizeof(struct type));
#define OFFSET_OF(type, member) DEFINE(OFFSET_##type##_##member, offsetof(struct type, member));

int main(void)
{
	DEFINE(SPINLOCK_SIZE, sizeof(spinlock_t));
	DEFINE(SPINLOCK_ALIGN, __alignof__(spinlock_t));
	DEFINE(MUTEX_SIZE, sizeof(struct mutex));
	DEFINE(MUTEX_ALIGN, __alignof__(struct mutex));
	DEFINE(SEM_SIZE, sizeof(struct seam_semaphore));
	DEFINE(SEM_ALIGN, __alignof__(struct seam_semaphore));
	DEFINE(RWSEM_SIZE, sizeof(struct rw_semaphore));
	DEFINE(RWSEM_ALIGN, __alignof__(struct rw_semaphore));
	DEFINE(WORK_SIZE, sizeof(struct seam_work));
	DEFINE(WORK_ALIGN, __alignof__(struct seam_work));
	DEFINE(RCU_HEAD_SIZE, sizeof(struct seam_rcu));
	DEFINE(RCU_HEAD_ALIGN, __alignof__(struct seam_rcu));
	DEFINE(XARRAY_SIZE, sizeof(struct xarray));
	DEFINE(XARRAY_ALIGN, __alignof__(struct xarray));
	DEFINE(SCATTERLIST_BYTES, sizeof(struct scatterlist));
	DEFINE(SOCK_SIZE, sizeof(struct sock));
	DEFINE(SOCK_ALIGN, __alignof__(struct sock));
	DEFINE(SOCK_SNDBUF_OFFSET, offsetof(struct sock, sk_sndbuf));
	DEFINE(SOCK_RCVBUF_OFFSET, offsetof(struct sock, sk_rcvbuf));
	DEFINE(SOCK_FLAGS_OFFSET, offsetof(struct sock, sk_flags));
	DEFINE(SOCK_RCVTSTAMP_BIT, SOCK_RCVTSTAMP);

	DEFINE(GFP_KERNEL_VALUE, GFP_KERNEL);
	DEFINE(GFP_ATOMIC_VALUE, GFP_ATOMIC);
	DEFINE(GFP_KERNEL_ACCOUNT_VALUE, GFP_KERNEL_ACCOUNT);
	DEFINE(PAGE_BYTES, PAGE_SIZE);
	DEFINE(CHECK_LISTS, IS_ENABLED(CONFIG_DEBUG_LIST));
	DEFINE(TICKS_PER_SECOND, HZ);

	DEFINE(DMA_TO_DEVICE_VALUE, DMA_TO_DEVICE);
	DEFINE(DMA_FROM_DEVICE_VALUE, DMA_FROM_DEVICE);
	DEFINE(AF_INET_VALUE, AF_INET);
	DEFINE(AF_INET6_VALUE, AF_INET6);
	DEFINE(MSG_OOB_VALUE, MSG_OOB);
	DEFINE(MSG_PEEK_VALUE, MSG_PEEK);
	DEFINE(MSG_TRUNC_VALUE, MSG_TRUNC);
	DEFINE(MSG_DONTWAIT_VALUE, MSG_DONTWAIT);
	DEFINE(MSG_ZEROCOPY_VALUE, MSG_ZEROCOPY);
	DEFINE(MSG_CMSG_COMPAT_VALUE, MSG_CMSG_COMPAT);

	DEFINE(POLLIN_BITS, (__force unsigned int)(EPOLLIN | EPOLLRDNORM));
	DEFINE(POLLOUT_BITS, (__force unsigned int)(EPOLLOUT | EPOLLWRNORM));
	DEFINE(POLLWRBAND_BIT, (__force unsigned int)EPOLLWRBAND);

	/* for the twins of include/rds/types.h and the shared structs */
	RDS_LAYOUT_STRUCTS(SIZE_OF)
	RDS_LAYOUT_MEMBERS(OFFSET_OF)
	DEFINE(REFCOUNT_SIZE, sizeof(refcount_t));
	return 0;
}
