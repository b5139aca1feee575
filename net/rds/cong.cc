// SPDX-License-Identifier: GPL-2.0
/*
 * Congestion: one map for each address of a namespace, local (told to peers when it changes) and
 * remote (obeyed by senders); a loopback destination is both. And who waits for congestion to
 * end: sockets on the namespace's watch list, woken on their own wait queue.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

using map_chain = kernel::hash_chain<rds_cong_map, &rds_cong_map::link>;

map_chain &chain_of(rds_net *rn, const in6_addr *addr)
{
	u32 words[4];
	__builtin_memcpy(words, addr, 16);
	return reinterpret_cast<map_chain &>(
		rn->cong[kernel_hash(words, 4, rn->seed) % cong_buckets]);
}

/* cong_lock held. Counted. */
rds_cong_map *find(rds_net *rn, const in6_addr *addr)
{
	map_chain &chain = chain_of(rn, addr);
	for (rds_cong_map *m = chain.first(); m; m = map_chain::next(m))
		if (rds::addr_equal(m->addr, *addr) && m->get_unless_zero())
			return m;
	return nullptr;
}

/* Null when there is no memory. cong_lock held or not; the loser of a race frees his. */
u8 *bits_of(rds_cong_map *map, gfp_t gfp)
{
	u8 *bits = kernel::load_acquire(map->bits);
	if (bits)
		return bits;
	auto *fresh = static_cast<u8 *>(kernel_zalloc(RDS_CONG_MAP_BYTES, gfp));
	if (!fresh)
		return nullptr;
	if (kernel::compare_exchange(map->bits, static_cast<u8 *>(nullptr), fresh))
		return fresh;
	kernel_free(fresh);
	return kernel::load_acquire(map->bits);
}

/*
 * Each peer of the address sends the map when its engine runs next; changes until then share it. A
 * socket that changes its mind all the time costs a few maps a tick (security.md 3.1 rows 15, 16).
 * More than one: who is told late that there is room again waits for the tick, doing nothing.
 */
void announce(rds_cong_map *map)
{
	map->rn->cong_lock.assert_held();
	constexpr u32 max_a_tick = 16; /* to all peers together */
	unsigned long now = kernel_ticks();
	if (map->announced != now)
		map->announcements = 0;
	map->announced = now;
	unsigned long delay = map->announcements >= max_a_tick;
	for (list_head *n = map->peers_head.next; n != &map->peers_head; n = n->next) {
		auto *p = kernel::container<rds_peer, list_head>(n, &rds_peer::cong_item);
		/* whoever marked it before has seen to it that it will be sent */
		if (kernel::exchange(p->map_pending, u8{1}))
			continue;
		map->announcements++;
		p->lane0.queue_work(p->lane0.c_send_work, delay);
	}
	rds_stats_inc(rds_s_cong_update_queued);
}

u64 group_of(u16 port)
{
	return u64{1} << port % 64;
}

/* Lower, freed groups of one socket that watches. watch_lock held. */
void notify(rds_sock *rs, u64 groups)
{
	u64 hit = rs->cong_mask & groups;
	rs->cong_mask &= ~hit;
	kernel::write_once(rs->cong_notify, rs->cong_notify | hit);
	if (!rs->cong_mask) {
		kernel::list_unlink(&rs->watch_item);
		rs->watching = false;
	}
	kernel_sock_wake(rs);
}

/*
 * A peer on this very host, reached by a wire all the same: what it sent is an old state of the
 * map that we keep ourselves, and must not overwrite it. The loopback says nothing about that: a
 * socket bound to it may name any host as its destination.
 */
bool is_ours(rds_cong_map *map)
{
	kernel::guard hold(map->rn->cong_lock);
	for (list_head *n = map->peers_head.next; n != &map->peers_head; n = n->next) {
		auto *p = kernel::container<rds_peer, list_head>(n, &rds_peer::cong_item);
		if (p->lane0.c_trans->t_type != RDS_TRANS_LOOP)
			return true;
	}
	return false;
}

/* A piece of a received map, small enough for the stack. */
struct map_piece {
	static constexpr unsigned int size = 512;

	/* As a rule all of a map is, and each new connection begins with one. */
	bool is_zero() const
	{
		u64 any = 0;
		for (unsigned int i = 0; i < size / sizeof(u64); i += 4)
			any |= words[i] | words[i + 1] | words[i + 2] | words[i + 3];
		return !any;
	}
	u8 *bytes() { return reinterpret_cast<u8 *>(words); }

	u64 words[size / sizeof(u64)];
};

} // namespace

rds_cong_map::rds_cong_map(rds_net *net, const in6_addr &address) : rn(net), addr(address)
{
	kernel::list_item_init(&peers_head);
	rn->get();
	kernel::add_return(rds_live.maps, 1u);
}

rds_cong_map::~rds_cong_map()
{
	kernel::add_return(rds_live.maps, -1u);
}

void rds_cong_map::put()
{
	rds_net *net = rn;
	{
		/* find() must not see a map whose count is zero for long */
		kernel::guard hold(rn->cong_lock);
		if (!refs.put())
			return;
		map_chain::remove(this);
	}
	kernel_free(bits);
	kernel::destroy(this);
	net->put();
}

rds_cong_map *rds_cong_get(rds_net *rn, const in6_addr *addr)
{
	{
		kernel::guard hold(rn->cong_lock);
		if (auto *m = find(rn, addr))
			return m;
	}
	auto *fresh = kernel::make<rds_cong_map>(kernel::gfp_account, rn, *addr);
	if (!fresh)
		return nullptr;
	rds_cong_map *m;
	{
		kernel::guard hold(rn->cong_lock);
		m = find(rn, addr);
		if (!m)
			chain_of(rn, addr).add(fresh);
	}
	if (!m)
		return fresh;
	kernel::destroy(fresh);
	rn->put(); /* the one of the map that was not needed */
	return m;
}

void rds_cong_add_peer(rds_peer *peer)
{
	kernel::guard hold(peer->rn->cong_lock);
	kernel::list_link(&peer->cong_item, &peer->lcong->peers_head, peer->lcong->peers_head.next);
}

void rds_cong_remove_peer(rds_peer *peer)
{
	kernel::guard hold(peer->rn->cong_lock);
	kernel::list_unlink(&peer->cong_item);
}

/* Without memory for the bits the port just stays open: the hard cap is the net below. */
void rds_cong_set_port(rds_cong_map *map, u16 port)
{
	kernel::guard hold(map->rn->cong_lock);
	u8 *bits = bits_of(map, kernel::gfp_atomic);
	if (!bits || !rds::congmap_set(bits, port))
		return;
	announce(map);
	rds_trace_cong_port(map->rn->net, &map->addr, port, true);
}

void rds_cong_clear_port(rds_cong_map *map, u16 port)
{
	{
		kernel::guard hold(map->rn->cong_lock);
		u8 *bits = kernel::load_acquire(map->bits);
		if (!bits || !rds::congmap_clear(bits, port))
			return;
		announce(map);
		rds_trace_cong_port(map->rn->net, &map->addr, port, false);
	}
	/* senders on this host look at this very map */
	rds_cong_changed(map->rn, group_of(port));
}

void rds_cong_watch(rds_sock *rs, int port)
{
	rds_net *rn = rs->rn;
	kernel::guard hold(rn->watch_lock);
	if (rs->monitor && port >= 0)
		rs->cong_mask |= group_of(port);
	if (rs->watching)
		return;
	rs->watching = true;
	kernel::list_link(&rs->watch_item, &rn->watch_head, rn->watch_head.next);
}

void rds_cong_unwatch(rds_sock *rs)
{
	kernel::guard hold(rs->rn->watch_lock);
	rs->cong_mask = rs->cong_notify = 0;
	if (!rs->watching)
		return;
	rs->watching = false;
	kernel::list_unlink(&rs->watch_item);
}

void rds_cong_changed(rds_net *rn, u64 groups)
{
	kernel::guard hold(rn->watch_lock);
	kernel::write_once(rn->cong_generation, rn->cong_generation + 1);
	for (list_head *n = rn->watch_head.next, *then; n != &rn->watch_head; n = then) {
		then = n->next;
		notify(kernel::container<rds_sock, list_head>(n, &rds_sock::watch_item), groups);
	}
}

rds_message *rds_cong_message(rds_peer *peer, gfp_t gfp)
{
	rds_message *rm = rds_message_alloc(RDS_CONG_MAP_BYTES, gfp);
	if (!rm)
		return nullptr;
	rm->m_flags = RDS_MSG_MAP;
	rm->m_inc.i_hdr = rds::make_congestion_map();
	/* a snapshot: what goes out is one state, not a mix (wire.md W10) */
	kernel_pieces_fill(rm->m_pieces, rm->m_nr_pieces, kernel::load_acquire(peer->lcong->bits));
	return rm;
}

int rds_cong_recv_map(rds_connection *conn, rds_map_reader read, void *arg, int exact)
{
	rds_cong_map *map = conn->c_peer->fcong;
	if (is_ours(map))
		return 0;
	map_piece piece;
	u64 freed = 0;
	for (unsigned int off = 0; off < RDS_CONG_MAP_BYTES; off += piece.size) {
		u8 *bits = kernel::load_acquire(map->bits);
		read(arg, off, piece.bytes(), piece.size);
		if (!bits) {
			if (piece.is_zero())
				continue;
			/* nothing was changed so far: what came before was zero */
			bits = bits_of(map, kernel::gfp_atomic);
			if (!bits)
				return -ENOMEM;
		}
		kernel::guard hold(map->rn->cong_lock);
		freed |= rds::congmap_relieved(bits + off, piece.bytes(), piece.size);
		__builtin_memcpy(bits + off, piece.bytes(), piece.size);
	}
	lane_of(conn)->heard();
	rds_stats_inc(rds_s_cong_update_received);
	rds_trace_cong_map(conn, freed);
	if (freed)
		rds_cong_changed(map->rn, exact ? freed : rds::congmap_all_groups);
	return 0;
}
