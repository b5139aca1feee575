// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: a message whose pages network buffers refer to. The user is told that they are his again
 * when the message ends, so each buffer must keep the message; and a buffer that does not leave the
 * machine (veth, lo) must stop referring to them, or the reader would see what the user writes next.
 * The network stack does both for buffers that carry a ubuf_info.
 *
 * Called by rds_tcp in process context; the end comes in any. It is in rds.ko because buffers may
 * outlive rds_tcp; each of them keeps this module.
 */
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "kernel/seam.h"
#include "rds/transport.h"

struct message_hold {
	struct ubuf_info ubuf;
	struct rds_message *rm;
};

static void message_hold_put(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	struct message_hold *hold = container_of(ubuf, struct message_hold, ubuf);

	if (!refcount_dec_and_test(&ubuf->refcnt))
		return;
	rds_message_put(hold->rm);
	kfree(hold);
	module_put(THIS_MODULE);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
static const struct ubuf_info_ops message_hold_ops = {.complete = message_hold_put};
#endif

struct ubuf_info *kernel_message_hold(struct rds_message *rm)
{
	struct message_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);

	if (!hold)
		return NULL;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	hold->ubuf.ops = &message_hold_ops;
#else
	hold->ubuf.callback = message_hold_put;
#endif
	refcount_set(&hold->ubuf.refcnt, 1);
	hold->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	/* the message may let go of its socket, but not of our code */
	__module_get(THIS_MODULE);
	rds_message_addref(rm);
	hold->rm = rm;
	return &hold->ubuf;
}

void kernel_message_release(struct ubuf_info *ubuf)
{
	message_hold_put(NULL, ubuf, true);
}
