// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between the kernels: ping and pong (port 0), and the handshake that rides on them
 * (port 1). Called by the receive path in any context, serialised per lane. wire.md 8 and 9.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

/* Pongs and probes that may wait on a lane; more pings than that are not answered. */
constexpr u32 max_own_messages = 64;

/* What the administrator said, as one of the numbers that make sense. */
u16 rounded(const unsigned int &tunable)
{
	unsigned int lanes = kernel::read_once(tunable);
	return lanes >= 8 ? 8 : lanes >= 4 ? 4 : lanes >= 2 ? 2 : 1;
}

u16 lanes_offered()
{
	return rounded(rds_tunables.lanes);
}

/*
 * To a peer of which we do not know that its ports name its lanes. Linux 6.x counts streams as they
 * come, sends its congestion map on any lane, where one overtakes the other, and does not keep a
 * socket's order when that moves to its lane: with several lanes it loses and blocks (wire.md W3,
 * W4, W8), whatever we do.
 */
u16 lanes_offered_at_first()
{
	u16 all = lanes_offered(), few = rounded(rds_tunables.lanes_unnamed);
	return few < all ? few : all;
}

/* Never fewer than messages are spread over by now. */
u16 lanes_for(const rds_peer *peer, bool named)
{
	return named || kernel::read_once(peer->nr_lanes) > 1 ? lanes_offered()
							      : lanes_offered_at_first();
}

bool handshakes(const rds_lane *lane)
{
	return lane->c_handshakes;
}

/* An empty message of the kernel's own on the same lane. Return: 0, -ENOMEM, -ESTALE. */
int send_own(rds_lane *lane, const rds_header &hdr, gfp_t gfp)
{
	rds_message *rm = rds_message_alloc(0, gfp);
	if (!rm)
		return -ENOMEM; /* as if the network had lost it: the other side asks again */
	rm->m_inc.i_hdr = hdr;
	rm->m_own = rds::is_probe(hdr)	       ? rds_own_probe
		    : rds::is_probe_reply(hdr) ? rds_own_reply
					       : rds_own_pong;
	int err = rds_message_queue(lane, rm);
	if (!err) {
		lane->connect_if_down();
		rds_send_start(lane);
	}
	rds_message_put(rm);
	return err;
}

bool may_send_own(rds_lane *lane)
{
	return kernel::read_once(lane->c_pongs) < max_own_messages;
}

/*
 * Lanes open now, if the connection that this came on is lane 0's. Who opens them does so for a
 * peer that has not said that it asks for those that it needs, once it could have.
 */
void agree(rds_lane *first, bool pong)
{
	if (!first->up())
		return;
	/*
	 * The answer to our own probe: now the peer knows us, too. A stream that comes before that is
	 * taken for lane 0, and should that break, its numbers for lane 0's.
	 */
	if (pong || first->knocks()) {
		kernel::write_once(first->c_peer->agreed, true);
		rds_lanes_continue(first->c_peer);
	}
	if (first->knocks() || kernel::read_once(first->c_peer->nr_lanes) <= 1)
		return;
	bool asked = kernel::read_once(first->c_peer->asked_lanes), now = pong || asked;
	if (first->c_peer->asks() && !asked)
		return;
	kernel::guard hold(first->c_lock);
	if (first->c_dying)
		return;
	if (now)
		first->c_life_work.requeue(0);
	else
		first->c_life_work.queue(2 * TICKS_PER_SECOND);
}

void announce(rds_header &hdr, const rds_peer *peer, u16 lanes, u32 caps)
{
	rds::write_handshake(hdr, peer->rn->generation, lanes, caps, lanes_offered() > 1);
}

/*
 * Of the first probe, which comes before we know whom it meets: 0, nothing is said, where that would
 * make a difference. A peer that has lanes to somebody who was here before us keeps their number.
 */
u16 lanes_to_probe(const rds_peer *peer)
{
	bool known = kernel::read_once(peer->offered_lanes);
	u16 few = lanes_for(peer, known && kernel::read_once(peer->names_lanes));
	return known || few == lanes_offered() ? few : 0;
}

/*
 * The peer has answered a probe that said nothing of lanes. Linux 7.0 takes a stream's port modulo
 * the lanes that it has been told of, and 6.x may have several to somebody who was here before us:
 * both are told before more is made of it. Ours takes the port as it is.
 */
bool knows_nothing(const rds_peer *peer)
{
	return !kernel::read_once(peer->told) && !kernel::read_once(peer->asks_for_lanes) &&
	       lanes_offered_at_first() < lanes_offered();
}

/* What the peer says of itself. */
void handshake_received(rds_lane *lane, const rds_header *hdr, bool pong)
{
	if (!handshakes(lane))
		return;
	rds_peer *peer = lane->c_peer;
	rds::handshake hs = rds::read_handshake(*hdr);
	unsigned int lanes = hs.lanes(peer->offered_lanes);
	unsigned int offered = hs.offers(peer->offered_lanes);
	bool news = offered != peer->offered_lanes || hs.sport_idx != peer->names_lanes;
	kernel::write_once(peer->offered_lanes, u8(offered));
	kernel::write_once(peer->names_lanes, hs.sport_idx);
	if (pong)
		kernel::write_once(peer->asks_for_lanes, (hs.caps & RDS_CAP_ASKS_FOR_LANES) != 0);
	kernel::fetch_or(peer->asked_lanes, hs.asked_lanes());
	unsigned int ours = lanes_for(peer, hs.sport_idx);
	rds_lanes_fan_out(peer, lanes < ours ? lanes : ours);
	kernel::write_once(lane->c_probing, u8{0});
	if (pong && knows_nothing(peer))
		kernel::write_once(peer->told, rds_probe_send(lane, kernel::gfp_atomic));
	else if (lane->c_index == 0)
		agree(lane, pong);
	if (news && lane->c_trans->lanes_known)
		lane->c_trans->lanes_known(&peer->lane0);
}

/* Return: what send_own() says. */
int send_probe(rds_lane *lane, u32 caps, gfp_t gfp)
{
	rds_header probe = rds::make_header(kernel::be16(RDS_FLAG_PROBE_PORT),
					    kernel::be16(RDS_PING_PORT), 0);
	announce(probe, lane->c_peer, lanes_to_probe(lane->c_peer), caps);
	return send_own(lane, probe, gfp);
}

/* Ours go to who is known to read them: older peers must find nothing behind what they know. */
void announce_in_reply(rds_header &pong, const rds_peer *peer, const rds_header &probe)
{
	bool named = rds::read_handshake(probe).sport_idx;
	announce(pong, peer, lanes_for(peer, named),
		 named && lanes_offered() > 1 ? RDS_CAP_ASKS_FOR_LANES : 0);
}

} // namespace

/*
 * A new generation means that the peer restarted and counts from one again, also in
 * retransmissions, which the duplicate rule would drop; its announcement may be one of those. Our
 * own numbers go on, which any receiver accepts: nothing queued needs a new one (wire.md W18).
 * A peer that named its lanes and no longer does, or now does, is another kernel than before, and
 * which lane this is nobody knows.
 * Other lanes have streams of its life before, or are new: they count anew on their next one.
 */
void rds_handshake_seen(rds_lane *lane, const rds_header *hdr)
{
	if (!handshakes(lane))
		return;
	rds_peer *peer = lane->c_peer;
	rds::handshake hs = rds::read_handshake(*hdr);
	bool other_kernel = kernel::read_once(peer->offered_lanes) &&
			    hs.sport_idx != kernel::read_once(peer->names_lanes);
	bool restarted = hs.gen_num && hs.restarted(kernel::exchange(peer->peer_gen, hs.gen_num));
	if (!restarted && !other_kernel)
		return;
	kernel::write_once(peer->told, false);
	lane->c_rx_life = kernel::add_return(peer->life, 1u);
	lane->c_rx.restart();
	peer->each_lane([&](rds_lane *other) {
		if (other != lane || (other_kernel && lane->c_index))
			other->drop(RDS_WHY_restarted);
	});
}

void rds_ping_received(rds_lane *lane, const rds_header *hdr, gfp_t gfp)
{
	if (!rds_tunables.ping_enable) {
		rds_drop(lane, RDS_DROP_ping_disabled, hdr, nullptr);
		if (rds::is_probe(*hdr))
			handshake_received(lane, hdr, false);
		return;
	}
	if (!rds::wants_pong(*hdr))
		return;
	rds_stats_inc(rds_s_recv_ping);
	kernel::be16 sport = hdr->h_sport;
	bool probe = rds::is_probe(*hdr) && handshakes(lane);
	if (!may_send_own(lane)) {
		rds_drop(lane, RDS_DROP_ping_flood, hdr, nullptr);
	} else if (lane->c_peer->fcong->congested(sport.host())) {
		rds_stats_inc(rds_s_cong_send_error);
		rds_trace_cong_send(lane, sport.host(), nullptr, true);
	} else {
		rds_header pong = rds::make_pong(sport);
		if (probe)
			announce_in_reply(pong, lane->c_peer, *hdr);
		rds_stats_inc(rds_s_send_queued); /* as the kernel's own modules count */
		rds_stats_inc(rds_s_send_pong);
		if (send_own(lane, pong, gfp) == -ENOMEM)
			rds_drop(lane, RDS_DROP_no_memory, hdr, nullptr);
		else
			rds_trace_received(lane, hdr, nullptr);
	}
	if (probe)
		handshake_received(lane, hdr, false);
}

void rds_pong_received(rds_lane *lane, const rds_header *hdr)
{
	rds_trace_received(lane, hdr, nullptr);
	handshake_received(lane, hdr, true);
}

/* An old probe, or its answer, may have gone with the last connection; one that is queued has not. */
void rds_probe_again(rds_lane *lane)
{
	if (!kernel::read_once(lane->c_probes))
		kernel::write_once(lane->c_probing, u8{0});
	rds_probe_send(lane, kernel::gfp_atomic);
}

void rds_probe_ask(rds_lane *lane, u8 lanes, gfp_t gfp)
{
	if (may_send_own(lane))
		(void)send_probe(lane, RDS_CAP_ASKS_FOR_LANES | u32{lanes} << RDS_CAP_LANES_SHIFT,
				 gfp);
}

bool rds_probe_send(rds_lane *lane, gfp_t gfp)
{
	if (!handshakes(lane) || !may_send_own(lane) || kernel::exchange(lane->c_probing, u8{1}))
		return false;
	if (!send_probe(lane, 0, gfp))
		return true;
	kernel::write_once(lane->c_probing, u8{0});
	return false;
}
