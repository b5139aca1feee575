// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions of rds-stress: pages of their own for each buffer, and the calls that register and
 * release one. Owned by a task, one thread; errors are exceptions that say what may be the cause.
 */
#ifndef RDS_TOOLS_STRESS_MEMORY_H
#define RDS_TOOLS_STRESS_MEMORY_H

#include <linux/rds.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "stress_options.h"
#include "stress_socket.h"

namespace rds_tools::stress {

inline std::uint64_t address_of(const void *p)
{
	return reinterpret_cast<std::uintptr_t>(p);
}

/* Buffers for RDMA, a number of them; what is never touched costs nothing. */
class rdma_memory {
public:
	rdma_memory(const rdma_options &opt, std::size_t slots)
	    : opt_(opt), bytes_(std::size_t{opt.stride()} * slots)
	{
		void *memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory == MAP_FAILED)
			throw failure("no memory for RDMA");
		first_ = static_cast<std::uint8_t *>(memory);
	}
	rdma_memory(const rdma_memory &) = delete;
	rdma_memory &operator=(const rdma_memory &) = delete;
	~rdma_memory() { ::munmap(first_, bytes_); }

	std::span<std::uint8_t> slot(std::size_t number) const
	{
		return {first_ + number * opt_.stride() + opt_.alignment, opt_.total()};
	}

private:
	const rdma_options &opt_;
	std::size_t bytes_;
	std::uint8_t *first_;
};

/* What the kernel's answer to an RDMA call may mean. */
inline std::string rdma_hint(int err)
{
	switch (err) {
	case ENOMEM:
	case EPERM:
		return " (RDMA pins memory: is RLIMIT_MEMLOCK, ulimit -l, large enough?)";
	case EOPNOTSUPP:
		return " (not for this transport, device or memory)";
	}
	return "";
}

inline std::runtime_error rdma_failure(const std::string &what, int err)
{
	return std::runtime_error(what + ": " + std::strerror(err) + rdma_hint(err));
}

/* Throws unless the socket's transport has memory regions. To release none is harmless. */
inline void probe_rdma(const task_socket &socket)
{
	rds_free_mr_args none{};
	int err = socket.set(RDS_FREE_MR, &none, sizeof(none));
	if (err == ENOPROTOOPT)
		throw std::runtime_error("this kernel's RDS has no RDMA");
	if (err == EINVAL)
		throw std::runtime_error(
			"RDMA is not supported at " + socket.local().address_text() +
			": RDS over TCP and the loopback have no memory regions (for InfiniBand "
			"and RoCE: modprobe rds_rdma)");
	if (err)
		throw rdma_failure("RDS_FREE_MR", err);
}

/* The kernel's own module has this call, and no way to serve it. */
inline std::runtime_error get_mr_failure(int err)
{
	std::string without = " Without --rdma-use-get-mr and --rdma-cache-mrs regions are "
			      "registered by the requests themselves.";
	if (err == EOPNOTSUPP)
		return std::runtime_error("RDS_GET_MR: " + std::string(std::strerror(err)) +
					  ": this kernel's RDS registers memory only together with "
					  "a message." +
					  without);
	if (err == ENODEV)
		return std::runtime_error("RDS_GET_MR: " + std::string(std::strerror(err)) +
					  ": this kernel's RDS registers no memory before there is "
					  "a connection, if at all." +
					  without);
	return rdma_failure("RDS_GET_MR", err);
}

inline rds_rdma_cookie_t get_mr(const task_socket &socket, std::span<const std::uint8_t> memory,
				std::uint64_t flags)
{
	rds_rdma_cookie_t cookie = 0;
	rds_get_mr_args args{};
	args.vec = {address_of(memory.data()), memory.size()};
	args.cookie_addr = address_of(&cookie);
	args.flags = flags;
	if (int err = socket.set(RDS_GET_MR, &args, sizeof(args)))
		throw get_mr_failure(err);
	return cookie;
}

inline void free_mr(const task_socket &socket, rds_rdma_cookie_t cookie)
{
	rds_free_mr_args args{};
	args.cookie = cookie;
	if (int err = socket.set(RDS_FREE_MR, &args, sizeof(args)))
		throw failure("RDS_FREE_MR", err);
}

} // namespace rds_tools::stress

#endif
