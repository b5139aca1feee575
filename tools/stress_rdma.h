// SPDX-License-Identifier: GPL-2.0
/*
 * The arithmetic of rds-stress's RDMA: which operation is next, the token that a notification
 * brings back, what lies in the memory that is moved. Who asks owns a region and announces it with
 * a request; who answers reads or writes it, by an operation that goes with the answer. Pure
 * functions; called by stress_owner.h and stress_mover.h.
 */
#ifndef RDS_TOOLS_STRESS_RDMA_H
#define RDS_TOOLS_STRESS_RDMA_H

#include <linux/rds.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "stress_message.h"
#include "stress_options.h"

namespace rds_tools::stress {

/* One after the other, unless -M wants one kind only. */
inline rdma_operation operation_of(const rdma_options &opt, std::uint64_t turn)
{
	if (opt.mode == rdma_read_only)
		return rdma_operation::read;
	if (opt.mode == rdma_write_only)
		return rdma_operation::write;
	return turn % 2 ? rdma_operation::write : rdma_operation::read;
}

/* Empty, or what is wrong with what a request says of RDMA, the cookie that came with it too. */
inline std::string complaint(const rdma_options &opt, const rdma_part &got,
			     std::optional<rds_rdma_cookie_t> cookie)
{
	if (!opt.active())
		return got == rdma_part{} && !cookie ? "" : "RDMA was not agreed on";
	if (!cookie)
		return "a request without a cookie";
	if (got.key && got.key != *cookie)
		return "the cookie is not that of the header";
	if (got.size != opt.bytes || got.vectors != opt.vectors)
		return "an RDMA operation of another size";
	bool fits = got.op == rdma_operation::read
			    ? opt.mode != rdma_write_only
			    : got.op == rdma_operation::write && opt.mode != rdma_read_only;
	return fits ? "" : "an RDMA operation that was not agreed on";
}

/*
 * The sequence of the message in the high half; below, the slot (of all pairs of the task) and the
 * operation.
 */
struct rdma_token {
	std::uint32_t sequence = 0, slot = 0;
	rdma_operation op = rdma_operation::none;

	bool operator==(const rdma_token &) const = default;

	std::uint64_t encode() const
	{
		return std::uint64_t{sequence} << 32 | std::uint64_t{slot} << 8 |
		       static_cast<std::uint8_t>(op);
	}
	static rdma_token decode(std::uint64_t token)
	{
		return {static_cast<std::uint32_t>(token >> 32),
			static_cast<std::uint32_t>(token >> 8 & 0xffffff),
			static_cast<rdma_operation>(token & 0xff)};
	}
};
static_assert(max_slots <= 1 << 24);

inline std::string describe_status(std::int32_t status)
{
	switch (status) {
	case RDS_RDMA_SUCCESS:
		return "success";
	case RDS_RDMA_REMOTE_ERROR:
		return "remote error: the peer's region does not allow it, or is gone";
	case RDS_RDMA_CANCELED:
		return "cancelled";
	case RDS_RDMA_DROPPED:
		return "dropped: the connection broke";
	case RDS_RDMA_OTHER_ERROR:
		return "another error";
	}
	return "status " + std::to_string(status);
}

/*
 * The mover's buffer has the vectors in reverse: a transport that takes them for one range, or
 * confuses them, does not pass.
 */
inline std::vector<rds_iovec> local_vectors(std::uint64_t buffer, const rdma_options &opt)
{
	std::vector<rds_iovec> out;
	for (std::uint32_t i = opt.vectors; i--;)
		out.push_back({buffer + std::uint64_t{i} * opt.bytes, opt.bytes});
	return out;
}

enum class vector_order { straight, reversed };

/* Calls f with each vector's part of the buffer, its pattern, and where it lies in the region. */
template <typename F>
void for_each_vector(std::span<std::uint8_t> buffer, const rdma_options &opt, std::uint64_t pattern,
		     vector_order order, F f)
{
	for (std::uint32_t i = 0; i < opt.vectors; i++) {
		std::uint32_t at = order == vector_order::straight ? i : opt.vectors - 1 - i;
		f(buffer.subspan(std::size_t{at} * opt.bytes, opt.bytes), mixed(pattern + i + 1),
		  std::size_t{i} * opt.bytes);
	}
}

inline void fill_vectors(std::span<std::uint8_t> buffer, const rdma_options &opt,
			 std::uint64_t pattern, vector_order order)
{
	for_each_vector(buffer, opt, pattern, order,
			[](std::span<std::uint8_t> part, std::uint64_t its, std::size_t) {
				fill_pattern(part, its);
			});
}

/* Which byte of the region is the first to differ; nothing if none does. */
inline std::optional<std::size_t> vectors_differ(std::span<std::uint8_t> buffer,
						 const rdma_options &opt, std::uint64_t pattern,
						 vector_order order)
{
	std::optional<std::size_t> out;
	for_each_vector(buffer, opt, pattern, order,
			[&](std::span<const std::uint8_t> part, std::uint64_t its,
			    std::size_t where) {
				if (auto at = out ? std::nullopt : first_difference(part, its))
					out = where + *at;
			});
	return out;
}

/* For --rdma-key-o-meter: how many keys there are, of those that the regions had. */
class key_meter {
public:
	/* True for a key that was not there before. Remembers only so many. */
	bool is_new(rds_rdma_cookie_t cookie)
	{
		return seen_.size() < most &&
		       seen_.insert(static_cast<std::uint32_t>(cookie)).second;
	}
	static constexpr std::size_t most = 1 << 20;

private:
	std::unordered_set<std::uint32_t> seen_;
};

} // namespace rds_tools::stress

#endif
