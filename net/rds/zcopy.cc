// SPDX-License-Identifier: GPL-2.0
/*
 * Zero-copy sends: the payload of a message is the user's own pages. They are pieces as all others,
 * released with the message and by nobody else; what is special is in one record, which the message
 * owns: the charge against the user's locked memory and the cookie that tells him that they are his
 * again. When the message ends the record becomes, or joins, one on the socket's queue.
 *
 * Called by send.cc and message.cc in any context, by recv.cc in process context; the socket's
 * rcv_lock guards the queue.
 */
#include <linux/errno.h>

#include "rds.h"

static_assert(sizeof(rds_zcopy_cookies) == 36);

namespace {

bool append(rds_zcopy *to, u32 cookie)
{
	if (!to || to->cookies.num == RDS_MAX_ZCOOKIES)
		return false;
	to->cookies.cookies[to->cookies.num++] = cookie;
	return true;
}

/* Return: the record has gone onto the queue. Otherwise the caller still owns it. */
bool report(rds_sock *rs, rds_zcopy *z, bool *told)
{
	kernel::guard hold(rs->rcv_lock);
	*told = z->armed && !rs->dead;
	/* the oldest is filled up, others start anew: what applications have come to know */
	if (!*told || append(rs->completed.front(), z->cookies.cookies[0]))
		return false;
	z->cookies.num = 1;
	z->rs = nullptr;
	rs->completed.push_back(z);
	return true;
}

rds_zcopy *take(rds_sock *rs)
{
	kernel::guard hold(rs->rcv_lock);
	return rs->completed.pop_front();
}

/* The reader's control buffer was no memory: the record is the oldest again. */
void put_back(rds_sock *rs, rds_zcopy *z)
{
	{
		kernel::guard hold(rs->rcv_lock);
		if (!rs->dead) {
			rs->completed.push_front(z);
			return;
		}
	}
	kernel_free(z);
}

} // namespace

rds_zcopy *rds_zcopy_begin(rds_sock *rs, u64 bytes, int *err)
{
	auto *z = static_cast<rds_zcopy *>(kernel_zalloc(sizeof(rds_zcopy), kernel::gfp_account));
	*err = -ENOMEM;
	if (!z)
		return nullptr;
	if (kernel_charge_locked(&z->charge, bytes)) {
		kernel_free(z);
		return nullptr;
	}
	kernel::list_item_init(&z->item);
	rs->get();
	z->rs = rs;
	*err = 0;
	return z;
}

int rds_zcopy_cookie(rds_message *rm, const void *data, u32 len)
{
	if (!rm->m_zcopy || len < sizeof(u32))
		return -EINVAL;
	__builtin_memcpy(&rm->m_zcopy->cookies.cookies[0], data, sizeof(u32));
	return 0;
}

void rds_zcopy_arm(rds_zcopy *z, bool on)
{
	if (z)
		z->armed = on;
}

void rds_zcopy_disown(rds_zcopy *z)
{
	if (!z)
		return;
	rds_sock *rs = z->rs;
	z->rs = nullptr;
	rs->put();
}

void rds_zcopy_end(rds_zcopy *z)
{
	if (!z)
		return;
	rds_sock *rs = z->rs;
	kernel_uncharge_locked(&z->charge);
	if (!rs) {
		kernel_free(z);
		return;
	}
	bool told;
	if (!report(rs, z, &told))
		kernel_free(z);
	if (told)
		kernel_sock_wake(rs);
	rs->put();
}

int rds_zcopy_deliver(rds_sock *rs, rds_recv_args *args)
{
	if (rs->completed.empty() || !args->zerocopy ||
	    kernel_control_room(args->msg) < kernel_control_space(sizeof(rds_zcopy_cookies)))
		return 0;
	rds_zcopy *z = take(rs);
	if (!z)
		return 0;
	int err = kernel_control_put(args->msg, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION, &z->cookies,
				     sizeof(z->cookies));
	if (err) {
		put_back(rs, z);
		return err;
	}
	kernel_free(z);
	return 1;
}

void rds_zcopy_purge(rds_sock *rs)
{
	while (rds_zcopy *z = take(rs))
		kernel_free(z);
}
