// SPDX-License-Identifier: GPL-2.0
/*
 * Owner of one file descriptor, and the opening of an AF_RDS socket with a message that helps.
 * Used by the tools; one owner, one thread, no locks.
 */
#ifndef RDS_TOOLS_UNIQUE_FD_H
#define RDS_TOOLS_UNIQUE_FD_H

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "proc_number.h"

namespace rds_tools {

class unique_fd {
public:
	explicit unique_fd(int fd = -1) : fd_(fd) {}
	unique_fd(unique_fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	unique_fd &operator=(unique_fd &&other) noexcept
	{
		std::swap(fd_, other.fd_);
		return *this;
	}
	~unique_fd()
	{
		if (fd_ >= 0)
			::close(fd_);
	}

	int get() const { return fd_; }

private:
	int fd_;
};

/* What to tell the user when socket() failed; the missing module is by far the usual cause. */
inline std::string socket_error_text(int err)
{
	if (err == EAFNOSUPPORT)
		return "this kernel has no RDS at the moment: load it with \"modprobe rds_tcp\" "
		       "(or insmod rds.ko, rds_loop.ko and rds_tcp.ko).";
	return std::string("cannot make an RDS socket: ") + std::strerror(err);
}

inline unique_fd open_rds_socket()
{
	unique_fd fd(::socket(rds_family(), SOCK_SEQPACKET, 0));
	if (fd.get() < 0)
		throw std::runtime_error(socket_error_text(errno));
	return fd;
}

} // namespace rds_tools

#endif
