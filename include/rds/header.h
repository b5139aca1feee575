/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one may ask a message header: is it a congestion map, a ping, part of the
 * multipath handshake? And a fresh header to fill. For the send and the receive path;
 * the caller owns the header, nothing is locked.
 */
#pragma once

#include <cstdint>

#include <rds/wire.h>

namespace rds {

/* Any other bit beside CONG_BITMAP makes it an ordinary message. */
[[nodiscard]] inline bool is_congestion_map(const rds_header &hdr)
{
	return hdr.h_flags == RDS_FLAG_CONG_BITMAP;
}

/* For the kernel itself: no socket can own port 0. */
[[nodiscard]] inline bool is_ping(const rds_header &hdr)
{
	return !is_congestion_map(hdr) && hdr.h_dport == kernel::be16(RDS_PING_PORT);
}

/*
 * Source port 0 must stay unanswered, or two nodes could keep each other busy; this
 * also silences heartbeats and ack-only frames of RDMA peers, which have ports 0 and 0.
 */
[[nodiscard]] inline bool wants_pong(const rds_header &hdr)
{
	return is_ping(hdr) && hdr.h_sport != kernel::be16(RDS_PING_PORT);
}

[[nodiscard]] inline bool is_probe(const rds_header &hdr)
{
	return is_ping(hdr) && hdr.h_sport == kernel::be16(RDS_FLAG_PROBE_PORT);
}

[[nodiscard]] inline bool is_probe_reply(const rds_header &hdr)
{
	return !is_congestion_map(hdr) && hdr.h_sport == kernel::be16(RDS_PING_PORT) &&
	       hdr.h_dport == kernel::be16(RDS_FLAG_PROBE_PORT);
}

/* Extensions about lanes and restarts mean something in these two messages only. */
[[nodiscard]] inline bool is_handshake(const rds_header &hdr)
{
	return is_probe(hdr) || is_probe_reply(hdr);
}

/* One look for all that is not from one socket to another: each of the others needs a port 0. */
[[nodiscard]] inline bool is_of_kernels(const rds_header &hdr)
{
	return hdr.h_sport == kernel::be16(RDS_PING_PORT) ||
	       hdr.h_dport == kernel::be16(RDS_PING_PORT);
}

/* Pretends to be a pong, but those are empty: must not reach a socket. */
[[nodiscard]] inline bool is_forged_pong(const rds_header &hdr)
{
	return !is_congestion_map(hdr) && !is_ping(hdr) &&
	       hdr.h_sport == kernel::be16(RDS_PING_PORT) && hdr.h_len != kernel::be32(0);
}

/*
 * All reserved bytes and the extension area zero. The lane fills in the sequence number
 * when it queues the message.
 */
[[nodiscard]] inline rds_header make_header(kernel::be16 sport, kernel::be16 dport,
					    std::uint32_t len)
{
	rds_header hdr{};

	hdr.h_len = kernel::be32(len);
	hdr.h_sport = sport;
	hdr.h_dport = dport;
	return hdr;
}

/* Outside the numbering: sequence and ports stay 0. */
[[nodiscard]] inline rds_header make_congestion_map()
{
	rds_header hdr = make_header(kernel::be16(0), kernel::be16(0), RDS_CONG_MAP_BYTES);

	hdr.h_flags = RDS_FLAG_CONG_BITMAP;
	return hdr;
}

/* The answer to a ping that came from this port. */
[[nodiscard]] inline rds_header make_pong(kernel::be16 port)
{
	return make_header(kernel::be16(RDS_PING_PORT), port, 0);
}

} // namespace rds
