// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: control messages. Those of a sender are walked in the copy that the generic layer made; a
 * reader's go to the user one by one. Called by control.cc and recv.cc, process context, no locks.
 */
#include <linux/ktime.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "kernel/seam.h"

int kernel_control_next(struct msghdr *msg, struct kernel_control *c)
{
	struct cmsghdr *cmsg = c->at ? CMSG_NXTHDR(msg, (struct cmsghdr *)c->at)
				     : CMSG_FIRSTHDR(msg);

	if (!cmsg)
		return 0;
	if (!CMSG_OK(msg, cmsg))
		return -EINVAL;
	c->at = cmsg;
	c->data = CMSG_DATA(cmsg);
	c->len = cmsg->cmsg_len - sizeof(*cmsg);
	c->level = cmsg->cmsg_level;
	c->type = cmsg->cmsg_type;
	return 1;
}

int kernel_control_put(struct msghdr *msg, int level, int type, const void *data, unsigned int len)
{
	return put_cmsg(msg, level, type, len, (void *)data);
}

u64 kernel_control_room(const struct msghdr *msg)
{
	return msg->msg_control ? msg->msg_controllen : 0;
}

u64 kernel_control_space(unsigned int len)
{
	return CMSG_SPACE(len);
}

int kernel_control_put_time(struct msghdr *msg, const void *sk, u64 wall_ns)
{
	struct timespec64 ts = ns_to_timespec64(wall_ns);
	struct __kernel_old_timeval old = {.tv_sec = ts.tv_sec,
					   .tv_usec = ts.tv_nsec / NSEC_PER_USEC};
	struct __kernel_sock_timeval now = {.tv_sec = old.tv_sec, .tv_usec = old.tv_usec};

	if (sock_flag((const struct sock *)sk, SOCK_TSTAMP_NEW))
		return put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_NEW, sizeof(now), &now);
	return put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_OLD, sizeof(old), &old);
}
