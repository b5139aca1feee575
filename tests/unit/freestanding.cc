// SPDX-License-Identifier: GPL-2.0
/*
 * Compiled, never run: the engine's headers with the flags of a kernel module. Every
 * function with a body worth emitting is called once, so that it is emitted.
 */
#include <linux/rds.h>

#include <rds/backoff.h>
#include <rds/congmap.h>
#include <rds/csum.h>
#include <rds/cursor.h>
#include <rds/exthdr.h>
#include <rds/header.h>
#include <rds/ib_assembly.h>
#include <rds/ib_cm.h>
#include <rds/ib_credit.h>
#include <rds/ib_ring.h>
#include <rds/sequence.h>
#include <rds/stream.h>
#include <rds/wire.h>

std::uint64_t every_header(rds::stream &stream, rds_header &hdr, std::uint8_t *bytes,
			   std::size_t len);
std::uint64_t infiniband(const rds_header &hdr, std::uint8_t *bytes, std::size_t len);

std::uint64_t infiniband(const rds_header &hdr, std::uint8_t *bytes, std::size_t len)
{
	rds::ib::assembly assembly;
	rds::ib::introduction peer{};
	rds::ib::credits credits;
	rds::ib::ring ring;
	std::uint32_t first;

	credits.init(3);
	credits.heard(hdr.h_credit);
	ring.init(4);
	std::uint32_t got = ring.take(credits.take(2).sends + credits.posted(1), first);
	ring.give_back(got / 2);
	ring.retire(ring.covered(first));
	if (rds::ib::read_introduction(bytes, len, true, peer))
		rds::ib::write_introduction(bytes, false, peer);
	bool fatal = rds::ib::is_fatal(assembly.take(hdr, first));
	return rds::ib::accept_version(bytes, len, fatal) +
	       rds::ib::settled_version(rds::ib::version_4_1, bytes, len, assembly.begun()) +
	       rds::ib::depth(got, ring.used()) + rds::ib::parts_of(got);
}

std::uint64_t every_header(rds::stream &stream, rds_header &hdr, std::uint8_t *bytes,
			   std::size_t len)
{
	rds::reconnect_backoff backoff;
	rds::ack_cadence cadence;
	rds::recv_sequence seq;
	rds::send_sequence numbers;
	std::uint64_t sum = stream.take_header(bytes, len);

	if (stream.complete() && !stream.discard())
		sum += stream.take_payload(len);
	hdr = rds::make_pong(kernel::be16(RDS_FLAG_PROBE_PORT));
	rds::write_handshake(hdr, static_cast<std::uint32_t>(sum), 8);
	hdr.h_sequence = kernel::be64(numbers.take());
	hdr.h_csum = rds::header_csum(hdr);
	if (rds::is_handshake(hdr))
		sum += rds::read_handshake(hdr).lanes(1);
	if (rds::congmap_set(bytes, 17) || rds::congmap_clear(bytes, 18))
		sum += rds::congmap_relieved(bytes, bytes + 8, 8);
	sum += backoff.next(sum, 1, 250);
	sum += cadence.ask(1, 8, 16777216);
	return sum + seq.accept(sum, hdr.h_flags);
}
