// SPDX-License-Identifier: GPL-2.0
/*
 * What rds-stress can be told. The shared half is chosen by the active side and sent to the passive
 * one, which trusts none of it: the same checks hold for the command line and for what a peer
 * sends. Plain values; called by rds-stress.cc and stress_control.h.
 */
#ifndef RDS_TOOLS_STRESS_OPTIONS_H
#define RDS_TOOLS_STRESS_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>

#include "endpoint.h"
#include "stress_message.h"

namespace rds_tools::stress {

constexpr std::uint32_t max_message_bytes = 1 << 20;
/* A slot is named by 16 bits. */
constexpr std::uint32_t max_depth = 65535;
constexpr std::uint32_t max_tasks = 1024;
/* A task keeps a time for each request that can be under way. */
constexpr std::uint32_t max_slots = 1 << 20;
constexpr std::uint32_t max_seconds = 1u << 30;

/* -M: what who answers does */
constexpr std::uint8_t rdma_read_and_write = 0, rdma_read_only = 1, rdma_write_only = 2;
constexpr std::uint32_t max_rdma_bytes = 1 << 20; /* of one operation, as the kernel has it */
constexpr std::uint32_t max_rdma_vectors = 512;
constexpr std::uint32_t rdma_page_bytes = 4096;
/* A task has so much for its own regions, and so much for what it moves. */
constexpr std::uint64_t max_rdma_memory = 1 << 30;

struct rdma_options {
	std::uint32_t bytes = 0, vectors = 1; /* bytes of a vector; 0: no RDMA */
	std::uint32_t alignment = 0; /* of buffers: bytes after the beginning of a page */
	std::uint8_t mode = rdma_read_and_write;
	bool use_once = false, use_get_mr = false, use_fence = true, cache_mrs = false;

	bool operator==(const rdma_options &) const = default;
	bool active() const { return bytes; }
	std::uint32_t total() const { return bytes * vectors; }
	/* from one buffer to the next; each begins in a page of its own */
	std::uint32_t stride() const
	{
		return (alignment + total() + rdma_page_bytes - 1) / rdma_page_bytes *
		       rdma_page_bytes;
	}
};

/* Both sides have the same of these. */
struct shared_options {
	std::uint32_t request_bytes = 1024, ack_bytes = header_bytes, depth = 1, tasks = 1;
	std::uint32_t seconds = 0; /* 0: until somebody stops it */
	std::uint8_t tos = 0;
	bool one_way = false, verify = false, cong_monitor = true;
	rdma_options rdma;
	std::uint64_t run = 0; /* chosen anew each time: no message of an earlier run counts */

	bool operator==(const shared_options &) const = default;
};

struct local_options {
	std::optional<endpoint> local, peer; /* with a peer this side is the active one */
	std::uint16_t port = 4000;
	std::uint32_t connect_retries = 0;
	bool cpu = false, summary = false, realtime = false, trace = false;
	bool show_params = false, show_perfdata = false, show_histogram = false;
	bool key_o_meter = false;
	std::uint32_t outliers = 0; /* 0: off */
};

/* Why these cannot be run; empty if they can. Depth and tasks are within their limits. */
inline std::string rdma_refusal(const shared_options &opt)
{
	const rdma_options &r = opt.rdma;

	if (!r.active())
		return r == rdma_options{} ? "" : "-I, -M and --rdma-* need -D";
	if (r.vectors < 1 || r.vectors > max_rdma_vectors)
		return "there are from 1 to " + std::to_string(max_rdma_vectors) + " RDMA vectors";
	if (r.bytes > max_rdma_bytes || r.total() > max_rdma_bytes)
		return "an RDMA operation has " + std::to_string(max_rdma_bytes) +
		       " bytes at most, in all its vectors";
	if (r.mode > rdma_write_only)
		return "the RDMA mode is from 0 to 2";
	if (r.alignment >= rdma_page_bytes)
		return "the RDMA alignment is below " + std::to_string(rdma_page_bytes);
	if (r.use_once && r.cache_mrs)
		return "a region that is used once cannot be kept: --rdma-use-once or "
		       "--rdma-cache-mrs";
	if (std::uint64_t{opt.depth} * opt.tasks * r.stride() > max_rdma_memory)
		return "depth times tasks times the RDMA size is " +
		       std::to_string(max_rdma_memory) + " bytes at most";
	return "";
}

/* Why these cannot be run on that base port; empty if they can. */
inline std::string refusal(const shared_options &opt, std::uint16_t port)
{
	auto size_is_bad = [](std::uint32_t size) {
		return size < header_bytes || size > max_message_bytes;
	};
	if (size_is_bad(opt.request_bytes) || size_is_bad(opt.ack_bytes))
		return "a message has from " + std::to_string(header_bytes) + " to " +
		       std::to_string(max_message_bytes) + " bytes";
	if (opt.depth < 1 || opt.depth > max_depth)
		return "the depth is from 1 to " + std::to_string(max_depth);
	if (opt.tasks < 1 || opt.tasks > max_tasks)
		return "there are from 1 to " + std::to_string(max_tasks) + " tasks";
	if (opt.depth * opt.tasks > max_slots)
		return "depth times tasks is " + std::to_string(max_slots) + " at most";
	if (opt.seconds > max_seconds)
		return "the time is " + std::to_string(max_seconds) + " seconds at most";
	if (port < 1 || port + opt.tasks > 65535)
		return "the tasks' ports are the base port plus 1 and up, and must be below 65536";
	return rdma_refusal(opt);
}

/* For --show-params. */
inline std::string describe(const shared_options &opt, std::uint16_t port)
{
	auto number = [](const char *name, std::uint64_t value) {
		return std::string(" ") + name + "=" + std::to_string(value);
	};
	const rdma_options &r = opt.rdma;
	auto text = "parameters:" + number("port", port) + number("req-bytes", opt.request_bytes) +
		    number("ack-bytes", opt.ack_bytes) + number("depth", opt.depth) +
		    number("tasks", opt.tasks) + number("time", opt.seconds) +
		    number("tos", opt.tos) + number("one-way", opt.one_way) +
		    number("verify", opt.verify) + number("use-cong-monitor", opt.cong_monitor);
	if (!r.active())
		return text;
	return text + number("rdma-bytes", r.bytes) + number("rdma-vectors", r.vectors) +
	       number("rdma-mode", r.mode) + number("rdma-alignment", r.alignment) +
	       number("rdma-use-once", r.use_once) + number("rdma-use-get-mr", r.use_get_mr) +
	       number("rdma-use-fence", r.use_fence) + number("rdma-cache-mrs", r.cache_mrs);
}

} // namespace rds_tools::stress

#endif
