// SPDX-License-Identifier: GPL-2.0
/*
 * What the rows are written with: a socket whose calls return a length or a negated errno, addresses and messages that
 * can be spoiled, memory with a hole, deadlines. Sends do not wait unless a row says so: the kernel's own modules may
 * wait for a handshake that never comes. One thread.
 */
#ifndef TESTS_ABI_PROBE_H
#define TESTS_ABI_PROBE_H

#include <linux/rds.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "endpoint.h"
#include "tap.h"

using rds_tools::endpoint;

inline void *const bad_pointer = reinterpret_cast<void *>(1);

/* How many times longer than usual everything may take; only what fails takes that long. */
inline int patience(int ms)
{
	static const char *text = std::getenv("SCALE");
	static const int scale = text ? std::max(1, std::atoi(text)) : 1;
	return ms * scale;
}

/* From now on, interrupts whatever the program sleeps in; without SA_RESTART the call returns. */
inline void interrupt_after(int ms, bool restart = false)
{
	struct sigaction action {};
	action.sa_handler = [](int) {};
	action.sa_flags = restart ? SA_RESTART : 0;
	::sigaction(SIGALRM, &action, nullptr);
	/* Again and again: the first signal may come just before the call. */
	itimerval timer{{0, 100000}, {ms / 1000, ms % 1000 * 1000}};
	::setitimer(ITIMER_REAL, &timer, nullptr);
}

/* What a send does that does not say so itself. */
inline int send_flags = MSG_DONTWAIT;

/* For programs whose calls somebody else watches. */
inline bool calls_are_watched = true;

/* A call that hangs is a result, too. */
inline void watch_calls()
{
	itimerval off{};
	if (calls_are_watched)
		interrupt_after(patience(20000));
	else
		::setitimer(ITIMER_REAL, &off, nullptr);
}

class deadline {
public:
	explicit deadline(int ms, bool restart = false) { interrupt_after(ms, restart); }
	deadline(const deadline &) = delete;
	~deadline() { watch_calls(); }
};

class stopwatch {
public:
	long ms() const
	{
		return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - start_)
			.count();
	}

private:
	using clock = std::chrono::steady_clock;
	clock::time_point start_ = clock::now();
};

inline endpoint ip(const char *text, std::uint16_t port = 0)
{
	auto ep = endpoint::parse_address(text, port);
	if (!ep) {
		std::fprintf(stderr, "rds-abi: bad address %s\n", text);
		std::exit(2);
	}
	return *ep;
}

/* Raw bytes of a socket address, for the shapes that no honest program has. */
struct raw_address {
	alignas(sockaddr_storage) std::array<std::uint8_t, 256> bytes{};
	socklen_t len;

	raw_address(const endpoint &ep, socklen_t length) : len(length)
	{
		std::memcpy(bytes.data(), ep.sa(), ep.length());
	}
	raw_address(int family, socklen_t length) : len(length)
	{
		sa_family_t value = static_cast<sa_family_t>(family);
		std::memcpy(bytes.data(), &value, sizeof(value));
	}
	const sockaddr *sa() const { return reinterpret_cast<const sockaddr *>(bytes.data()); }
};

class sock {
public:
	sock() : fd_(::socket(AF_RDS, SOCK_SEQPACKET, 0))
	{
		watch_calls();
		set_timeout(SO_RCVTIMEO, patience(5000));
	}
	explicit sock(const endpoint &local) : sock() { bind(local); }
	sock(sock &&other) : fd_(std::exchange(other.fd_, -1)) {}
	~sock() { close(); }

	void close()
	{
		if (fd_ >= 0)
			::close(std::exchange(fd_, -1));
	}
	int fd() const { return fd_; }

	long bind(const endpoint &ep) { return result_of(::bind(fd_, ep.sa(), ep.length())); }
	long connect(const endpoint &ep) { return result_of(::connect(fd_, ep.sa(), ep.length())); }

	endpoint name() const
	{
		endpoint ep;
		socklen_t len = endpoint::capacity();
		::getsockname(fd_, ep.sa(), &len);
		return ep;
	}

	long send(const endpoint &to, const void *data, std::size_t len, int flags = send_flags)
	{
		return result_of(::sendto(fd_, data, len, flags, to.sa(), to.length()));
	}
	long send(const endpoint &to, std::size_t len, int flags = send_flags)
	{
		static const std::vector<std::uint8_t> zeros(1 << 21);
		return send(to, zeros.data(), len, flags);
	}
	long send(const char *text, int flags = send_flags)
	{
		return result_of(::send(fd_, text, std::strlen(text), flags));
	}
	long send_text(const endpoint &to, const char *text, int flags = send_flags)
	{
		return send(to, text, std::strlen(text), flags);
	}

	/* Waits for a message; its text, or the error. */
	long receive(std::string &out, int flags = 0, std::size_t room = 16384)
	{
		out.assign(room, '\0');
		long n = result_of(::recv(fd_, out.data(), room, flags));
		out.resize(n > 0 ? std::min<std::size_t>(static_cast<std::size_t>(n), room) : 0);
		return n;
	}
	bool receives(const std::string &text)
	{
		std::string got;
		return receive(got) >= 0 && got == text;
	}
	bool empty()
	{
		std::string got;
		return receive(got, MSG_DONTWAIT) == -EAGAIN;
	}

	void set_timeout(int option, int ms)
	{
		timeval tv{ms / 1000, ms % 1000 * 1000};
		::setsockopt(fd_, SOL_SOCKET, option, &tv, sizeof(tv));
	}
	long set(int level, int option, int value)
	{
		return result_of(::setsockopt(fd_, level, option, &value, sizeof(value)));
	}
	long get(int level, int option)
	{
		int value = 0;
		socklen_t len = sizeof(value);
		long r = result_of(::getsockopt(fd_, level, option, &value, &len));
		return r < 0 ? r : value;
	}
	long transport() { return get(SOL_RDS, SO_RDS_TRANSPORT); }

	long poll(short events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM |
				 POLLRDBAND | POLLWRBAND,
		  int ms = 0)
	{
		pollfd p{fd_, events, 0};
		::poll(&p, 1, ms);
		return p.revents;
	}
	/* Waits for a message, and leaves it there: POLLIN may mean a congestion map. Not with completions about. */
	bool holds_message()
	{
		std::string got;
		return receive(got, MSG_PEEK) >= 0;
	}
	/* Waits until no congestion map comes by any more, each of which shows once, and nothing is to be read. */
	bool quiet()
	{
		stopwatch watch;
		while (poll(POLLIN | POLLRDNORM | POLLWRBAND, 30))
			if (watch.ms() > patience(5000))
				return false;
		return true;
	}
	/* Waits until the bit shows; a first spurious POLLIN is all right elsewhere. */
	bool becomes(short bit, int ms = patience(5000))
	{
		stopwatch watch;
		do {
			if (poll(bit, 100) & bit)
				return true;
		} while (watch.ms() < ms);
		return false;
	}

private:
	int fd_;
};

/* A message header with its parts, so that a row can spoil one of them. */
struct message {
	iovec iov;
	alignas(cmsghdr) std::array<std::uint8_t, 4096> control{};
	msghdr hdr{};

	message(const endpoint *to, const void *data, std::size_t len)
	{
		iov = {const_cast<void *>(data), len};
		hdr.msg_iov = &iov;
		hdr.msg_iovlen = 1;
		if (to) {
			hdr.msg_name = const_cast<sockaddr *>(to->sa());
			hdr.msg_namelen = to->length();
		}
		hdr.msg_control = control.data();
	}
	message(const message &) = delete;

	void add_control(int level, int type, const void *data, std::size_t len)
	{
		cmsghdr head{};
		head.cmsg_len = CMSG_LEN(len);
		head.cmsg_level = level;
		head.cmsg_type = type;
		std::memcpy(control.data() + hdr.msg_controllen, &head, sizeof(head));
		if (len)
			std::memcpy(control.data() + hdr.msg_controllen + CMSG_LEN(0), data, len);
		hdr.msg_controllen += CMSG_SPACE(len);
	}
	void break_control()
	{
		cmsghdr head{};
		head.cmsg_len = sizeof(cmsghdr) - 1;
		head.cmsg_level = SOL_RDS;
		std::memcpy(control.data() + hdr.msg_controllen, &head, sizeof(head));
		hdr.msg_controllen += CMSG_SPACE(8);
	}
	long send(const sock &s, int flags = send_flags)
	{
		return result_of(::sendmsg(s.fd(), &hdr, flags));
	}
	long receive(const sock &s, int flags = 0)
	{
		hdr.msg_controllen = control.size();
		return result_of(::recvmsg(s.fd(), &hdr, flags));
	}
	const cmsghdr *find(int level, int type)
	{
		for (cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c))
			if (c->cmsg_level == level && c->cmsg_type == type)
				return c;
		return nullptr;
	}
};

/* Fills a queue until the sender is refused because of it; how many messages it took. */
inline int fill(sock &s, const endpoint &to)
{
	int sent = 0;
	for (stopwatch watch; watch.ms() < patience(10000) && sent < 4000;) {
		long r = s.send(to, 8192);
		if (r == -ENOBUFS)
			break;
		if (r < 0)
			s.poll(POLLOUT, 100);
		else
			sent++;
	}
	return sent;
}

/* What came as control messages: level/type(length), in order. */
inline std::string controls(msghdr &hdr)
{
	std::string text;
	for (cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
		text += (text.empty() ? "" : ", ") + std::to_string(c->cmsg_level) + "/" +
			std::to_string(c->cmsg_type) + "(" + std::to_string(c->cmsg_len) + ")";
		if (!c->cmsg_len)
			break;
	}
	return text.empty() ? "none" : text;
}

/* A call in another process, for what needs somebody who sleeps; the descriptors are the same. */
class background {
public:
	template <typename Call>
	explicit background(Call call)
	{
		int ends[2];
		if (::pipe(ends))
			std::exit(2);
		pid_ = ::fork();
		if (!pid_) {
			interrupt_after(patience(10000));
			long r = call();
			::_exit(::write(ends[1], &r, sizeof(r)) != sizeof(r));
		}
		::close(ends[1]);
		from_ = ends[0];
	}
	background(const background &) = delete;
	~background() { result(); }

	/* Waits until it sleeps (or has ended). */
	void await_sleep() const
	{
		std::string path = "/proc/" + std::to_string(pid_) + "/stat";
		stopwatch watch;
		char state = 'R';
		/* twice in a row: it may sleep on its way */
		for (int times = 0; times < 3 && watch.ms() < patience(5000);) {
			std::FILE *f = std::fopen(path.c_str(), "r");
			if (!f || std::fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
				state = 'X';
			if (f)
				std::fclose(f);
			times = state == 'R' ? 0 : times + 1;
			::poll(nullptr, 0, 10);
		}
	}
	long result()
	{
		if (from_ < 0)
			return result_;
		if (::read(from_, &result_, sizeof(result_)) != sizeof(result_))
			result_ = -EINTR;
		::close(std::exchange(from_, -1));
		while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR)
			;
		return result_;
	}

private:
	pid_t pid_;
	int from_ = -1;
	long result_ = 0;
};

/* Two pages of which only the first may be touched. */
class half_mapped {
public:
	half_mapped()
	    : size_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
	      base_(static_cast<std::uint8_t *>(::mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE,
						       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)))
	{
		std::memset(base_, 0, size_);
		::mprotect(base_ + size_, size_, PROT_NONE);
	}
	half_mapped(const half_mapped &) = delete;
	~half_mapped() { ::munmap(base_, 2 * size_); }

	std::uint8_t *start() const { return base_; }
	std::uint8_t *end() const { return base_ + size_; }
	std::size_t size() const { return size_; }
	void read_only() { ::mprotect(base_, size_, PROT_READ); }

private:
	std::size_t size_;
	std::uint8_t *base_;
};

#endif
