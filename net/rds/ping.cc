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

/* Lanes that we offer: peers that offer more work over one. */
constexpr u16 lanes_offered = 1;

/* Chosen at load, never 0: tells peers that we have restarted. */
constinit u32 generation = 0;

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
	rm->m_own = 1;
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

/* What the peer says of itself, once. */
void handshake_received(rds_lane *lane, const rds_header *hdr)
{
	if (!handshakes(lane))
		return;
	rds_peer *peer = lane->c_peer;
	rds::handshake hs = rds::read_handshake(*hdr);
	unsigned int lanes = hs.lanes(peer->offered_lanes);
	kernel::write_once(peer->offered_lanes, u8(lanes));
	kernel::write_once(peer->nr_lanes, u8(lanes < lanes_offered ? lanes : lanes_offered));
	kernel::write_once(peer->probe_outstanding, u8{0});
}

} // namespace

void rds_ping_init(void)
{
	do
		generation = kernel_random();
	while (!generation);
}

/*
 * A new generation means that the peer restarted and counts from one again, also in
 * retransmissions, which the duplicate rule would drop; its announcement may be one of those. Our
 * own numbers go on, which any receiver accepts: nothing queued needs a new one (wire.md W18).
 */
void rds_handshake_seen(rds_lane *lane, const rds_header *hdr)
{
	if (!handshakes(lane))
		return;
	rds_peer *peer = lane->c_peer;
	rds::handshake hs = rds::read_handshake(*hdr);
	if (hs.restarted(peer->peer_gen))
		lane->c_rx.restart();
	if (hs.gen_num)
		peer->peer_gen = hs.gen_num;
}

void rds_ping_received(rds_lane *lane, const rds_header *hdr, gfp_t gfp)
{
	if (!rds_tunables.ping_enable) {
		rds_drop(lane, RDS_DROP_ping_disabled, hdr, nullptr);
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
			rds::write_handshake(pong, generation, lanes_offered);
		rds_stats_inc(rds_s_send_queued); /* as the kernel's own modules count */
		rds_stats_inc(rds_s_send_pong);
		if (send_own(lane, pong, gfp) == -ENOMEM)
			rds_drop(lane, RDS_DROP_no_memory, hdr, nullptr);
		else
			rds_trace_received(lane, hdr, nullptr);
	}
	if (probe)
		handshake_received(lane, hdr);
}

void rds_pong_received(rds_lane *lane, const rds_header *hdr)
{
	rds_trace_received(lane, hdr, nullptr);
	handshake_received(lane, hdr);
}

/* An old probe, or its answer, may have gone with the last connection; one that is queued has not. */
void rds_probe_again(rds_lane *lane)
{
	if (!kernel::read_once(lane->c_pongs))
		kernel::write_once(lane->c_peer->probe_outstanding, u8{0});
	rds_probe_send(lane, kernel::gfp_atomic);
}

void rds_probe_send(rds_lane *lane, gfp_t gfp)
{
	rds_peer *peer = lane->c_peer;
	if (!handshakes(lane) || !may_send_own(lane) ||
	    kernel::exchange(peer->probe_outstanding, u8{1}))
		return;
	rds_header probe = rds::make_header(kernel::be16(RDS_FLAG_PROBE_PORT),
					    kernel::be16(RDS_PING_PORT), 0);
	rds::write_handshake(probe, generation, lanes_offered);
	if (send_own(lane, probe, gfp))
		kernel::write_once(peer->probe_outstanding, u8{0});
}
