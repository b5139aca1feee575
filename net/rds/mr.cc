// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions: a user's pages that peers may read and write by a key. Registered by options and
 * by control messages (process context, no locks), found by the keys that peers and users name, in
 * any context. What a transport gets of one it owns until it says rds_sg_unpin(), some time after the
 * last reference is gone.
 *
 * A region exposes whole pages, from the first byte of the first to the last of the last one,
 * unless the transport can do better (get_mr_ex). Memory that cannot be pinned is the transport's to
 * page, if it can; so is such an operand of an operation, which is a region that has no peer.
 */
#include <linux/errno.h>

#include "kernel/error.h"
#include "kernel/pin.h"
#include "range.h"
#include "rds.h"
#include "sock.h"

namespace {

constexpr u64 max_region_pages = RDS_MAX_MSG_SIZE / PAGE_BYTES + 1; /* 1 MiB at any alignment */

bool can_register(const rds_transport *t)
{
	return t->get_mr || t->get_mr_ex;
}

/* Rows 3 to 6 of rdma.md 4.2. */
int check_range(const rds_iovec &v)
{
	if (rds::range_wraps(v))
		return -EINVAL;
	if (!kernel_may_lock())
		return -EPERM;
	if (!rds::range_length_ok(v))
		return -EINVAL;
	return rds::range_pages(v) > max_region_pages ? -EMSGSIZE : 0;
}

rds_region describe(rds_sock *rs, const rds_iovec &v, bool writable, bool operand)
{
	return {&rs->addr, rs->scope, writable, operand, v.addr, v.bytes, nullptr};
}

/* The transport takes @pages over, or they stay the caller's; @nr is 0: it is to page @want. */
int register_pages(rds_mr *mr, kernel::user_pages &pages, u64 nr, const rds_region &want,
		   rds_connection *conn)
{
	const rds_transport *t = mr->trans;
	scatterlist *sg = want.r_charge ? nullptr : pages.get();
	void *handle = t->get_mr_ex ? t->get_mr_ex(sg, nr, mr->rs, &mr->key, conn, &want)
				    : t->get_mr(sg, nr, mr->rs, &mr->key);
	int err = kernel::pointer_error(handle);
	if (err == -ENODEV && conn)
		rds_conn_connect_if_down(conn);
	if (err)
		return err;
	(void)pages.release();
	mr->handle = handle;
	mr->registered = true;
	return 0;
}

/* What was freed lately may still be charged: its owner is not to be refused because of that. */
int begin_pages(rds_sock *rs, kernel::user_pages &pages, u64 nr)
{
	int err = pages.begin(nr, true);
	if (!err || !kernel::read_once(rs->had_regions) || !rs->trans->flush_mrs)
		return err;
	rs->trans->flush_mrs();
	kernel_unpin_flush();
	return pages.begin(nr, true);
}

/* What cannot be pinned: who may not do with it what he asks for hears it now. */
int register_paged(rds_mr *mr, kernel::user_pages &pages, rds_region want, bool write,
		   rds_connection *conn)
{
	if (!mr->trans->get_mr_ex)
		return -EOPNOTSUPP;
	pages.charge_only();
	want.r_charge = pages.get();
	int err = kernel_may_access(want.r_start, want.r_length, write);
	return err ? err : register_pages(mr, pages, 0, want, conn);
}

using mr_ref = kernel::ref<rds_mr>;

int make_region(rds_sock *rs, const rds_get_mr_args &args, rds_connection *conn, mr_ref &mr)
{
	int err = check_range(args.vec);
	if (err)
		return err;
	mr = mr_ref::adopt(kernel::make<rds_mr>(kernel::gfp_account, rs, rs->trans, args.flags));
	if (!mr)
		return -ENOMEM;
	kernel::user_pages pages;
	u64 nr = rds::range_pages(args.vec);
	const rds_region want = describe(rs, args.vec, args.flags & RDS_RDMA_READWRITE, false);
	err = begin_pages(rs, pages, nr);
	if (!err)
		err = pages.add(args.vec.addr, args.vec.bytes, true);
	if (err == -EOPNOTSUPP)
		return register_paged(mr.get(), pages, want, true, conn);
	return err ? err : register_pages(mr.get(), pages, nr, want, conn);
}

/* The peer to whom a region is promised, if the name is one that a message could go to. */
kernel::ref<rds_peer> peer_of(rds_sock *rs, const rds_name &to)
{
	if (rds::check_send_name(to) ||
	    rds::addr_is_mapped(to.addr) != rds::addr_is_mapped(rs->addr))
		return {};
	int err;
	return kernel::ref<rds_peer>::adopt(
		rds_peer_find_or_create(rs->rn, &rs->addr, &to.addr, rs->trans, rs->tos,
					rds::peer_if_index(rs, to.addr, to.scope), &err));
}

} // namespace

rds_mr::rds_mr(rds_sock *s, rds_transport *t, u64 flags)
    : rs(s), trans(t), use_once(flags & RDS_RDMA_USE_ONCE), invalidate(flags & RDS_RDMA_INVALIDATE)
{
	rs->get();
	/* it is held already, by the socket: this cannot fail */
	(void)kernel_module_get(trans->t_owner);
}

rds_mr::~rds_mr()
{
	if (registered)
		trans->free_mr(handle, kernel::read_once(invalidate));
	rds_trans_put(trans);
	rs->put();
}

void rds_mr::put()
{
	if (refs.put())
		kernel::destroy(this);
}

int rds_mr_map(rds_sock *rs, const rds_get_mr_args *args, rds_connection *conn, u64 *cookie,
	       rds_mr **out)
{
	if (!rs->bound())
		return -ENOTCONN;
	if (!can_register(rs->trans) || (conn && conn->c_trans != rs->trans))
		return -EOPNOTSUPP;
	mr_ref mr;
	int err = make_region(rs, *args, conn, mr);
	if (err)
		return err;
	/* before what may fail: such a region is freed, and its pages are charged for a while, too */
	kernel::write_once(rs->had_regions, true);
	*cookie = args->vec.addr % PAGE_BYTES << 32 | mr->key;
	if (args->cookie_addr)
		err = kernel_copy_to_user(args->cookie_addr, cookie, sizeof(*cookie));
	if (err)
		return err;
	err = rs->regions.insert(mr->key, mr.get());
	if (!err && out)
		*out = mr.release();
	return err;
}

int rds_mr_operand(rds_sock *rs, kernel::user_pages &pages, const rds_iovec &v, bool writable,
		   rds_connection *conn, rds_mr **out)
{
	if (conn->c_trans != rs->trans)
		return -EOPNOTSUPP;
	auto mr = mr_ref::adopt(kernel::make<rds_mr>(kernel::gfp_account, rs, rs->trans, u64{0}));
	if (!mr)
		return -ENOMEM;
	int err = register_paged(mr.get(), pages, describe(rs, v, writable, true), writable, conn);
	if (!err)
		*out = mr.release();
	return err;
}

rds_mr *rds_mr_announce(rds_sock *rs, u32 key)
{
	auto mr = rs->regions.find(key);
	if (mr)
		mr->trans->sync_mr(mr->handle, DMA_TO_DEVICE_VALUE);
	return mr.release();
}

void rds_mr_forget(rds_mr *mr)
{
	mr->rs->regions.remove(mr->key, mr);
}

void rds_mr_used(rds_sock *rs, const rds_header *hdr)
{
	rds::exthdr_reader reader{hdr->h_exthdr};
	rds::exthdr ext;
	while (reader.next(ext)) {
		if (ext.type != RDS_EXTHDR_RDMA)
			continue;
		auto mr = rs->regions.find(ext.u32());
		if (!mr)
			continue;
		mr->trans->sync_mr(mr->handle, DMA_FROM_DEVICE_VALUE);
		if (mr->use_once)
			rds_mr_forget(mr.get());
	}
}

void rds_mr_close(rds_sock *rs)
{
	u32 key = 0;
	while (auto mr = rs->regions.first(key)) {
		/* one flush for all, below */
		kernel::write_once(mr->invalidate, false);
		rds_mr_forget(mr.get());
	}
	if (rs->had_regions && rs->trans->flush_mrs)
		rs->trans->flush_mrs();
}

int rds_sock_get_mr(rds_sock *rs, const rds_get_mr_args *args, const rds_name *dest)
{
	u64 cookie;
	if (!rs->bound())
		return -ENOTCONN;
	kernel::ref<rds_peer> peer;
	if (dest && rs->trans->get_mr_ex)
		peer = peer_of(rs, *dest);
	/* one that is served by the loopback says nothing of our device */
	bool ours = peer && peer->lane0.c_trans == rs->trans;
	return rds_mr_map(rs, args, ours ? &peer->lane0 : nullptr, &cookie, nullptr);
}

int rds_sock_free_mr(rds_sock *rs, const rds_free_mr_args *args)
{
	if (!args->cookie) {
		if (!rs->bound() || !rs->trans->flush_mrs)
			return -EINVAL;
		rs->trans->flush_mrs();
		return 0;
	}
	auto mr = rs->regions.find(static_cast<u32>(args->cookie));
	if (!mr)
		return -EINVAL;
	bool now = args->flags & RDS_RDMA_INVALIDATE;
	if (now)
		kernel::write_once(mr->invalidate, true);
	if (!rs->regions.remove(mr->key, mr.get()))
		return -EINVAL;
	mr = {};
	/* out of the peer's reach when the call returns, unless a message still announces it */
	if (now && rs->trans->flush_mrs)
		rs->trans->flush_mrs();
	return 0;
}
