// SPDX-License-Identifier: GPL-2.0
/*
 * Creating a socket, what a fresh one is like, and the operations that do not exist.
 */
#include <fcntl.h>
#include <sys/sendfile.h>

#include <fstream>
#include <sstream>

#include "topics.h"

namespace {

long default_buffer(const char *name)
{
	long value = 212992;
	std::ifstream(std::string("/proc/sys/net/core/") + name) >> value;
	return value;
}

void rows_socket(tap &t)
{
	t.section("socket");
	auto open = [](int type, int protocol) {
		long fd = result_of(::socket(AF_RDS, type, protocol));
		if (fd >= 0)
			::close(static_cast<int>(fd));
		return fd < 0 ? fd : 0;
	};

	t.is("SEQPACKET", 0, open(SOCK_SEQPACKET, 0));
	t.is("SEQPACKET, NONBLOCK and CLOEXEC", 0,
	     open(SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	t.is("STREAM", -ESOCKTNOSUPPORT, open(SOCK_STREAM, 0));
	t.is("DGRAM", -ESOCKTNOSUPPORT, open(SOCK_DGRAM, 0));
	t.is("RAW", -ESOCKTNOSUPPORT, open(SOCK_RAW, 0));
	t.is("RDM", -ESOCKTNOSUPPORT, open(SOCK_RDM, 0));
	t.is("PACKET", -ESOCKTNOSUPPORT, open(SOCK_PACKET, 0));
	t.is("type 11", -EINVAL, open(11, 0));
	t.is("type -1", -EINVAL, open(-1, 0));
	t.is("protocol 1", -ESOCKTNOSUPPORT, open(SOCK_SEQPACKET, 1));
	t.is("protocol -1", -ESOCKTNOSUPPORT, open(SOCK_SEQPACKET, -1));

	sock s;
	t.is("SO_DOMAIN", AF_RDS, s.get(SOL_SOCKET, SO_DOMAIN));
	t.is("SO_TYPE", SOCK_SEQPACKET, s.get(SOL_SOCKET, SO_TYPE));
	t.is("SO_PROTOCOL", 0, s.get(SOL_SOCKET, SO_PROTOCOL));
	t.is("SO_ACCEPTCONN", 0, s.get(SOL_SOCKET, SO_ACCEPTCONN));
	t.is("SO_ERROR", 0, s.get(SOL_SOCKET, SO_ERROR));
	t.is("SO_SNDBUF", default_buffer("wmem_default"), s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_RCVBUF", default_buffer("rmem_default"), s.get(SOL_SOCKET, SO_RCVBUF));
	t.number("no transport yet", -1, s.transport());
	t.is("RDS_RECVERR is off", 0, s.get(SOL_RDS, RDS_RECVERR));
	t.is("POLLOUT and POLLWRNORM", POLLOUT | POLLWRNORM,
	     s.poll(POLLOUT | POLLWRNORM | POLLERR | POLLHUP));
	t.skip("no memory", "nothing fails allocations here; kunit does");
	t.skip("refused by a security module", "none is active here");
	t.skip("module absent", "it is loaded; vm loop has it");
}

/* Another protocol family with the same call, which is not there. */
void rows_family(tap &t)
{
	t.section("family");
	t.is("AF_RDS is", 21, AF_RDS);
	t.is("SOL_RDS is", 276, SOL_RDS);
	t.is("an unknown one", -EAFNOSUPPORT, result_of(::socket(46, SOCK_SEQPACKET, 0)));

	std::ifstream protocols("/proc/net/protocols");
	std::string owner = "none";
	for (std::string line; std::getline(protocols, line);) {
		if (!line.starts_with("RDS "))
			continue;
		std::istringstream words(line);
		std::string word;
		/* protocol size sockets memory press maxhdr slab module ... */
		for (int i = 0; i < 8; i++)
			words >> word;
		owner = word;
	}
	t.same("owner in /proc/net/protocols", "rds", owner);
}

void rows_absent(tap &t)
{
	t.section("absent operations");
	sock s(ip("127.0.0.1"));
	int pair[2];

	t.is("listen", -EOPNOTSUPP, result_of(::listen(s.fd(), 5)));
	t.is("accept", -EOPNOTSUPP, result_of(::accept(s.fd(), nullptr, nullptr)));
	t.is("accept4", -EOPNOTSUPP, result_of(::accept4(s.fd(), nullptr, nullptr, SOCK_NONBLOCK)));
	t.is("socketpair", -EOPNOTSUPP, result_of(::socketpair(AF_RDS, SOCK_SEQPACKET, 0, pair)));
	for (int how : {SHUT_RD, SHUT_WR, SHUT_RDWR})
		t.is("shutdown " + std::to_string(how), -EOPNOTSUPP,
		     result_of(::shutdown(s.fd(), how)));
	bool mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, s.fd(), 0) != MAP_FAILED;
	t.is("mmap", -ENODEV, mapped ? 0 : -errno);
}

long received_length(sock &s, bool wait)
{
	std::string got;
	return s.receive(got, wait ? 0 : MSG_DONTWAIT);
}

/* What the kernel's version does with pages for a socket that takes none. */
void rows_pages(tap &t)
{
	t.section("pages to the socket");
	sock to(ip("127.0.0.1")), s(ip("127.0.0.1"));
	int pipes[2], file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	s.connect(to.name());

	if (file < 0 || ::pipe(pipes))
		return t.skip("all", "no file or no pipe");
	/* 6.12 refuses, 6.1 makes one message of a single piece: the kernel's business, not RDS's. */
	off_t start = 0;
	long r = result_of(::sendfile(s.fd(), file, &start, 100));
	t.ok("sendfile works or is refused", r == 100 || r == -EOPNOTSUPP || r == -EINVAL);
	t.is("... and what was sent arrives", r > 0 ? 100 : -EAGAIN, received_length(to, r > 0));
	if (::write(pipes[1], "page", 4) != 4)
		return t.skip("splice", "the pipe is full");
	r = result_of(::splice(pipes[0], nullptr, s.fd(), nullptr, 4, 0));
	t.ok("splice works or is refused", r == 4 || r == -EOPNOTSUPP || r == -EINVAL);
	t.is("... and what was sent arrives", r > 0 ? 4 : -EAGAIN, received_length(to, r > 0));
	for (int fd : {pipes[0], pipes[1], file})
		::close(fd);
}

} // namespace

void topic_socket(tap &t, const world &)
{
	rows_family(t);
	rows_socket(t);
	rows_absent(t);
	rows_pages(t);
}
