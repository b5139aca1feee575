// SPDX-License-Identifier: GPL-2.0
/*
 * Peers of a namespace: table, caps, creation, idle collection, end. Look-ups are RCU; changes
 * hold rds_net.lock; destroying holds destroy_mutex and sleeps.
 *
 * The end of a peer, in the order of destroy():
 *   A  its lanes refuse messages and work; off the table: no new look-up finds it
 *   B  their workers are cancelled
 *   C  the transport is shut down, under send_sem: engines have left and will not start
 *   D  queued messages are dropped and given back to their sockets
 *   E  the transport's part is freed; B to E for one lane after the other
 *   F  senders that wait for its congestion map are woken
 *   G  the table's reference goes; incomings and caches may keep the empty shell for a while
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

using peer_chain = kernel::hash_chain<rds_peer, &rds_peer::link>;
using owner_list = kernel::list<rds_peer_owner, &rds_peer_owner::item>;

struct peer_key {
	const in6_addr *laddr;
	const in6_addr *faddr;
	const rds_transport *trans;
	u8 tos;
	u32 if_index;
};

peer_chain &chain_of(rds_net *rn, const in6_addr *laddr, const in6_addr *faddr)
{
	u32 words[8];
	__builtin_memcpy(words, laddr, 16);
	__builtin_memcpy(words + 4, faddr, 16);
	u32 h = kernel_hash(words, 8, rn->seed) % peer_buckets;
	return reinterpret_cast<peer_chain &>(rn->peers[h]);
}

bool matches(const rds_peer *p, const peer_key &k)
{
	const rds_lane &l = p->lane0;
	if (!rds::addr_equal(l.c_faddr, *k.faddr) || !rds::addr_equal(l.c_laddr, *k.laddr) ||
	    l.c_tos != k.tos || l.c_if_index != k.if_index)
		return false;
	/* a local destination is the loopback's, whatever the socket is bound to */
	return l.c_trans == k.trans ||
	       (l.c_trans->t_type == RDS_TRANS_LOOP && k.trans->t_prefer_loopback);
}

kernel::ref<rds_peer> find(rds_net *rn, const peer_key &k)
{
	kernel::rcu_guard rcu;
	peer_chain &chain = chain_of(rn, k.laddr, k.faddr);
	for (rds_peer *p = chain.first(); p; p = peer_chain::next(p))
		if (matches(p, k) && !kernel::read_once(p->dying))
			return kernel::ref<rds_peer>::try_share(p);
	return {};
}

/* rds_net.lock held. */
rds_peer_owner *owner_find(rds_net *rn, u32 uid)
{
	for (list_head *n = rn->owners_head.next; n != &rn->owners_head; n = n->next) {
		auto *o = kernel::container<rds_peer_owner, list_head>(n, &rds_peer_owner::item);
		if (o->uid == uid)
			return o;
	}
	return nullptr;
}

/* Who comes by himself may not come in any number at once; he tries again. */
bool in_time(rds_net *rn)
{
	rn->lock.assert_held();
	unsigned long now = kernel_ticks();
	if (now - rn->strangers_since >= TICKS_PER_SECOND) {
		rn->strangers_since = now;
		rn->new_strangers = 0;
	}
	return rn->new_strangers++ < rds_tunables.max_strangers_second;
}

/*
 * @spare is used when the owner is new, and then null. An exempt one is counted all the same.
 * Return: false when a cap is reached.
 */
bool charge(rds_net *rn, u32 uid, bool exempt, rds_peer_owner *&spare)
{
	rn->lock.assert_held();
	rds_peer_owner *o = owner_find(rn, uid);
	bool full = rn->nr_peers >= rds_tunables.max_peers ||
		    (o && o->nr >= rds_tunables.max_peers_user);
	if (full && !exempt)
		return false;
	if (!o) {
		o = spare;
		spare = nullptr;
		o->uid = uid;
		kernel::list_link(&o->item, &rn->owners_head, rn->owners_head.next);
	}
	o->nr++;
	rn->nr_peers++;
	return true;
}

void uncharge(rds_net *rn, u32 uid)
{
	rn->lock.assert_held();
	rds_peer_owner *o = owner_find(rn, uid);
	rn->nr_peers--;
	if (--o->nr)
		return;
	kernel::list_unlink(&o->item);
	kernel_free(o);
}

/*
 * Idle peers are collected by the reaper alone: whoever creates may run in the work of an idle
 * lane. A flood of requests does not keep it running.
 */
void ask_reaper(rds_net *rn)
{
	rn->lock.assert_held();
	unsigned long now = kernel_ticks();
	if (now - rn->reaped < TICKS_PER_SECOND / 10)
		return;
	rn->reaped = now;
	rn->reap_work.requeue(0);
}

/* Insert, unless somebody was faster: then his. Return: counted; null: refused, *err says why. */
rds_peer *insert(rds_net *rn, rds_peer *mine, const peer_key &k, bool exempt,
		 rds_peer_owner *&spare, int *err)
{
	kernel::guard hold(rn->lock);
	peer_chain &chain = chain_of(rn, k.laddr, k.faddr);
	for (rds_peer *p = chain.first(); p; p = peer_chain::next(p))
		if (matches(p, k) && p->get_unless_zero())
			return p;
	if (rn->dying) {
		*err = -ENETDOWN;
		return nullptr;
	}
	if (mine->owner == uid_remote && !exempt && !in_time(rn)) {
		rds_stats_inc(rds_s_peer_refused);
		*err = -ENOMEM;
		return nullptr;
	}
	if (!charge(rn, mine->owner, exempt, spare)) {
		ask_reaper(rn);
		rds_stats_inc(rds_s_peer_refused);
		*err = -ENOMEM;
		return nullptr;
	}
	mine->get(); /* one for the table, one for the caller */
	mine->lane0.c_tx.next = rn->tx_floor;
	rds_cong_add_peer(mine); /* before anybody can find and destroy it */
	chain.add(mine);
	rn->reap_work.queue(kernel_ms_to_ticks(1000));
	return mine;
}

/* Never was on the table: nothing was queued, connected or claimed. */
void discard(rds_peer *p)
{
	p->lane0.free_transport();
	p->put();
}

/* Registry lock held for reading: @carrier stays. @exempt: the caps do not hold for it. */
rds_peer *create(rds_net *rn, const peer_key &key, rds_transport *carrier, u32 owner, bool exempt,
		 int *err)
{
	peer_key k = key;
	k.trans = carrier;
	*err = -ENOMEM;
	auto *spare = static_cast<rds_peer_owner *>(
		kernel_zalloc(sizeof(rds_peer_owner), kernel::gfp_kernel));
	if (!spare)
		return nullptr;
	auto *mine = kernel::make<rds_peer>(kernel::gfp_account, rn, *k.laddr, *k.faddr, carrier,
					    k.tos, k.if_index, owner);
	rds_peer *p = nullptr;
	if (mine && mine->lcong && mine->fcong) {
		*err = carrier->conn_alloc(&mine->lane0, kernel::gfp_account);
		if (!*err)
			p = insert(rn, mine, k, exempt, spare, err);
	}
	kernel_free(spare);
	if (mine && p != mine)
		discard(mine);
	return p;
}

/* Does @trans, or the rule for 127/8 and ::1, call the address ours? Registry lock held. */
bool is_local(rds_net *rn, const rds_transport *trans, const in6_addr *addr, u32 scope)
{
	return rds::addr_is_loopback(*addr) || rds_trans_serves_locked(trans, rn, addr, scope);
}

struct each_peer_call {
	const rds_transport *trans;
	rds_peer *found;
};

/* One peer of the transport, counted. */
bool pick_one(rds_peer *p, void *arg)
{
	auto *call = static_cast<each_peer_call *>(arg);
	if ((call->trans && p->lane0.c_trans != call->trans) || !p->get_unless_zero())
		return true;
	call->found = p;
	return false;
}

bool lane_is_idle(const rds_lane *l)
{
	return !kernel::read_once(l->c_xmit_rm) && !l->has_messages();
}

bool idle(const rds_peer *p, unsigned long now)
{
	bool quiet = true, known = false;
	p->each_lane([&](const rds_lane *l) {
		quiet &= lane_is_idle(l);
		known |= l->up() || kernel::read_once(l->c_rx.next);
	});
	if (!quiet)
		return false;
	unsigned long limit = u64{rds_tunables.idle_seconds} * TICKS_PER_SECOND;
	/*
	 * A connection that works is kept ten times as long, and only goes when room is short. So
	 * is one that has received: with it goes the memory of what was received already, and a
	 * message whose acknowledgement was lost would be delivered again.
	 */
	if (known) {
		limit *= 10;
		if (kernel::read_once(p->rn->nr_peers) < rds_tunables.max_peers / 2)
			return false;
	}
	return now - kernel::read_once(p->last_active) >= limit;
}

bool pick_idle(rds_peer *p, void *arg)
{
	auto *call = static_cast<each_peer_call *>(arg);
	if (!idle(p, kernel_ticks()) || !p->get_unless_zero())
		return true;
	call->found = p;
	return false;
}

/* Nobody queues messages or work any more. With @only_idle only if there is none. */
bool close_lane(rds_lane *l, bool only_idle)
{
	kernel::guard queue(l->c_lock);
	if (only_idle && !lane_is_idle(l))
		return false;
	l->c_dying = true;
	return true;
}

/* It has been saved; work that was refused meanwhile is made up for. */
void reopen_lane(rds_lane *l)
{
	{
		kernel::guard queue(l->c_lock);
		l->c_dying = false;
	}
	l->queue_work(l->c_life_work);
	l->queue_work(l->c_send_work);
	l->queue_work(l->c_recv_work);
}

bool close_lanes(rds_peer *peer, bool only_idle)
{
	for (unsigned int i = 0; i < RDS_MPATH_WORKERS; i++) {
		rds_lane *l = peer->lane(i);
		if (!l || close_lane(l, only_idle))
			continue;
		while (i--)
			if (rds_lane *closed = peer->lane(i))
				reopen_lane(closed);
		return false;
	}
	return true;
}

/*
 * Step A. With @only_idle, whoever queued a message meanwhile has saved the peer: nobody queues
 * once a lane is marked, and the mark is set under the lock of its queue. Return: it is off.
 */
bool take_off(rds_peer *peer, bool only_idle)
{
	rds_net *rn = peer->rn;
	kernel::guard hold(rn->lock);
	if (peer->dying)
		return false; /* whoever had the mutex before has done it all */
	if ((only_idle && !idle(peer, kernel_ticks())) || !close_lanes(peer, only_idle))
		return false;
	kernel::write_once(peer->dying, true);
	peer->each_lane([&](const rds_lane *l) {
		if (rn->tx_floor < l->c_tx.next)
			rn->tx_floor = l->c_tx.next;
		rn->nr_more_lanes -= l->c_index != 0;
	});
	peer_chain::remove(peer);
	uncharge(rn, peer->owner);
	return true;
}

/* Steps A to G. Return: it was this call that did it. */
bool destroy(rds_peer *peer, bool only_idle)
{
	rds_net *rn = peer->rn;
	kernel::guard serial(rn->destroy_mutex);
	if (!take_off(peer, only_idle))
		return false;
	rds_cong_remove_peer(peer);
	/* lane 0 last: its transport part may hand streams to the others' */
	for (unsigned int i = RDS_MPATH_WORKERS; i--;)
		if (rds_lane *l = peer->lane(i))
			l->destroy();
	rds_cong_changed(rn, rds::congmap_all_groups);
	peer->put();
	return true;
}

} // namespace

rds_peer::rds_peer(rds_net *net, const in6_addr &laddr, const in6_addr &faddr, rds_transport *trans,
		   u8 tos, u32 if_index, u32 uid)
    : rn(net), owner(uid), last_active(kernel_ticks()), lanes{&lane0}, lane0(this)
{
	kernel::list_item_init(&cong_item);
	lane0.c_laddr = laddr;
	lane0.c_faddr = faddr;
	lane0.c_trans = trans;
	lane0.c_trans_type = static_cast<u8>(trans->t_type);
	lane0.c_inc_copy = trans->inc_copy_to_user;
	lane0.c_inc_free = trans->inc_free;
	lane0.c_handshakes = trans->t_mp_capable;
	lane0.c_immediate = trans->t_immediate;
	lane0.c_has_mrs = trans->get_mr || trans->get_mr_ex;
	lane0.c_has_rdma = trans->xmit_rdma;
	lane0.c_has_atomics = trans->xmit_atomic;
	lane0.c_net = net->net;
	lane0.c_tos = tos;
	lane0.c_if_index = if_index;
	lane0.c_isv6 = !rds::addr_is_mapped(faddr);
	lane0.c_larger = rds::addr_compare(laddr, faddr) >= 0;
	lcong = rds_cong_get(rn, &laddr);
	fcong = rds_cong_get(rn, &faddr);
	kernel::add_return(rds_live.peers, 1u);
}

rds_peer::~rds_peer()
{
	kernel::add_return(rds_live.peers, -1u);
	for (unsigned int i = 1; i < RDS_MPATH_WORKERS; i++)
		if (lanes[i])
			kernel::destroy(lanes[i]);
	if (lcong)
		lcong->put();
	if (fcong)
		fcong->put();
}

static void peer_free(void *head)
{
	rds_peer *p = kernel::container<rds_peer, kernel::rcu_head>(
		static_cast<kernel::rcu_head *>(head), &rds_peer::rcu);
	kernel::destroy(p);
}

void rds_peer::put()
{
	if (refs.put())
		kernel_call_rcu(&rcu, peer_free);
}

rds_peer *rds_peer_find_or_create(rds_net *rn, const in6_addr *laddr, const in6_addr *faddr,
				  rds_transport *trans, u8 tos, u32 if_index, int *err)
{
	peer_key k{laddr, faddr, trans, tos, if_index};
	if (auto p = find(rn, k))
		return p.release();

	/* May load a module: before the registry is locked. */
	bool loop = trans->t_type == RDS_TRANS_LOOP;
	if (!loop && trans->t_prefer_loopback) {
		rds_registry_read hold;
		loop = rds_trans_alive(trans) && is_local(rn, trans, faddr, if_index);
	}
	rds_transport *carrier = loop ? rds_trans_loopback() : trans;

	rds_registry_read hold;
	if (!carrier || !rds_trans_alive(carrier)) {
		*err = -ENETDOWN;
		return nullptr;
	}
	return create(rn, k, carrier, kernel_uid(), false, err);
}

rds_connection *rds_conn_accept(struct net *net, const in6_addr *laddr, const in6_addr *faddr,
				rds_transport *trans, u8 tos, u32 if_index)
{
	rds_net *rn = rds_net_of(net);
	peer_key k{laddr, faddr, trans, tos, if_index};
	int err = -ENETDOWN;
	rds_peer *p = find(rn, k).release();
	if (!p) {
		rds_registry_read hold;
		if (rds_trans_alive(trans)) {
			if (trans->t_prefer_loopback && is_local(rn, trans, faddr, if_index))
				err = -EOPNOTSUPP;
			else
				p = create(rn, k, trans, uid_remote, false, &err);
		}
	} else if (p->lane0.c_trans != trans) {
		p->put(); /* the loopback serves that address */
		p = nullptr;
		err = -EOPNOTSUPP;
	}
	return p ? &p->lane0 : reinterpret_cast<rds_connection *>(static_cast<long>(err));
}

rds_connection *rds_conn_reverse(rds_connection *conn)
{
	rds_net *rn = rds_net_of(conn->c_net);
	peer_key k{&conn->c_faddr, &conn->c_laddr, conn->c_trans, conn->c_tos, conn->c_if_index};
	int err = -ENETDOWN;
	rds_peer *p = find(rn, k).release();
	if (!p) {
		rds_registry_read hold;
		if (rds_trans_alive(conn->c_trans))
			/* half of a pair whose first half was let in */
			p = create(rn, k, conn->c_trans, conn->c_peer->owner, true, &err);
	}
	return p ? &p->lane0 : reinterpret_cast<rds_connection *>(static_cast<long>(err));
}

void rds_peer_each(rds_net *rn, bool (*func)(rds_peer *peer, void *arg), void *arg)
{
	kernel::rcu_guard rcu;
	for (void *&head : rn->peers) {
		auto &chain = reinterpret_cast<peer_chain &>(head);
		for (rds_peer *p = chain.first(); p; p = peer_chain::next(p))
			if (!func(p, arg))
				return;
	}
}

void rds_peer_destroy(rds_peer *peer)
{
	destroy(peer, false);
}

void rds_peer_destroy_all(rds_net *rn, const rds_transport *trans)
{
	for (;;) {
		each_peer_call call{trans, nullptr};
		rds_peer_each(rn, pick_one, &call);
		if (!call.found)
			break;
		rds_peer_destroy(call.found);
		call.found->put();
	}
	/* somebody else may be in the middle of one */
	kernel::guard serial(rn->destroy_mutex);
}

unsigned int rds_peer_reap(rds_net *rn)
{
	unsigned int nr = 0;
	for (;;) {
		each_peer_call call{nullptr, nullptr};
		rds_peer_each(rn, pick_idle, &call);
		if (!call.found)
			return nr;
		if (destroy(call.found, true)) {
			rds_stats_inc(rds_s_peer_reaped);
			nr++;
		}
		call.found->put();
		kernel_cond_resched();
	}
}

void rds_conn_get(rds_connection *conn)
{
	conn->c_peer->get();
}

void rds_conn_put(rds_connection *conn)
{
	conn->c_peer->put();
}

void rds_conn_destroy_net(rds_transport *trans, struct net *net)
{
	rds_net *rn = rds_net_of(net);
	rds_peer_destroy_all(rn, trans);
}

static bool drop_one(rds_peer *p, void *trans)
{
	if (p->lane0.c_trans == trans)
		p->each_lane([](rds_lane *l) { l->drop(RDS_WHY_settings); });
	return true;
}

void rds_conn_drop_net(rds_transport *trans, struct net *net)
{
	rds_peer_each(rds_net_of(net), drop_one, trans);
}
