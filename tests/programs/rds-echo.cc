// SPDX-License-Identifier: GPL-2.0
/*
 * rds-echo: a server that sends every message back to where it came from, and with --pingpong a
 * client that sends messages of seeded size and content, one at a time, and compares what comes
 * back. Used by the VM scenarios. Single-threaded.
 */
#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>

#include "arguments.h"
#include "rds_socket.h"
#include "traffic.h"

namespace {

using steady = std::chrono::steady_clock;

constexpr char usage[] =
	"usage: rds-echo --bind A:P [--sockets N] [--timeout S] [--largest N]\n"
	"       rds-echo --pingpong --bind A:P --to B:Q [--count N] [--sizes WHAT]\n"
	"                [--seed S] [--timeout S] [--stop]\n"
	"  --sockets N   serve N ports, beginning with P (1)\n"
	"  --timeout S   give up after S seconds without a message (20)\n"
	"  --largest N   largest message the server can send back (65536)\n"
	"  --sizes WHAT  N, A-B, mix or mix:MAX (mix, up to 65536)\n"
	"  --stop        at the end, tell the server to leave\n"
	"exit:  0 if all came back equal (server: told to stop), 1 if not, 2 bad command line\n";

/* False after ms milliseconds without a message. */
bool await_message(rds_socket &socket, std::vector<std::uint8_t> &buffer, received &got,
		   soft_errors &soft, int ms)
{
	auto until = steady::now() + std::chrono::milliseconds(ms);

	while (!socket.receive(buffer, got, soft)) {
		auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until -
										  steady::now());
		if (left.count() <= 0)
			return false;
		socket.wait(POLLIN, static_cast<int>(left.count()));
	}
	return true;
}

class server {
public:
	server(const endpoint &local, unsigned sockets, std::size_t largest)
	    : largest_(largest), buffer_(max_message + 1)
	{
		for (unsigned i = 0; i < sockets; i++) {
			auto &socket = sockets_.emplace_back();
			socket.raise_sndbuf(largest);
			socket.bind(local.with_port(static_cast<std::uint16_t>(local.port() + i)));
			polls_.push_back({socket.fd(), POLLIN, 0});
		}
		std::printf("ready echo %s\n", local.text().c_str());
		std::fflush(stdout);
	}

	int run(int timeout_ms)
	{
		bool stopped = false;
		while (!stopped && any_ready(timeout_ms))
			for (std::size_t i = 0; i < polls_.size() && !stopped; i++)
				if (polls_[i].revents)
					stopped = answer(sockets_[i]);
		std::printf("result echo %s messages=%" PRIu64 "\n", stopped ? "ok" : "timeout",
			    echoed_);
		return stopped ? 0 : 1;
	}

private:
	bool any_ready(int timeout_ms)
	{
		return ::poll(polls_.data(), polls_.size(), timeout_ms) > 0;
	}

	/* Return: this is the end. */
	bool answer(rds_socket &socket)
	{
		while (socket.receive(buffer_, got_, soft_)) {
			std::span<const std::uint8_t> message(buffer_.data(), got_.size);
			/*
			 * From port 0 comes only the kernel's answer to a ping; and some are too
			 * large for us.
			 */
			if (!got_.from.port() || got_.truncated || got_.size > largest_)
				continue;
			if (control_body<std::uint64_t>(message_type::stop, message)) {
				take_leave(socket);
				return true;
			}
			socket.send_patiently(got_.from, message, soft_);
			echoed_++;
		}
		return false;
	}

	void take_leave(rds_socket &socket)
	{
		std::size_t size = socket.shrink_sndbuf();
		socket.wait_until_acknowledged();
		socket.send_patiently(got_.from, control_message(message_type::ack, echoed_, size),
				      soft_);
		socket.wait_until_acknowledged();
	}

	const std::size_t largest_;
	std::deque<rds_socket> sockets_;
	std::vector<pollfd> polls_;
	soft_errors soft_;
	received got_;
	std::vector<std::uint8_t> buffer_;
	std::uint64_t echoed_ = 0;
};

struct client_settings {
	endpoint local, remote;
	flow_plan plan;
	int timeout_ms;
	bool stop;
};

class client {
public:
	explicit client(const client_settings &set) : set_(set), buffer_(max_message + 1)
	{
		socket_.raise_sndbuf(std::max<std::size_t>(set.plan.sizes.max, 4096));
		socket_.bind(set.local);
	}

	int run()
	{
		if (!greet())
			return 1;
		auto start = steady::now();
		std::uint64_t bytes = 0, seq = 0;
		bool good = true;

		for (; good && seq < set_.plan.count; seq++) {
			set_.plan.build(seq, message_);
			bytes += message_.size();
			good = round_trip(seq);
		}
		double seconds = std::chrono::duration<double>(steady::now() - start).count();
		if (good && set_.stop)
			good = stop_server();
		std::printf("result pingpong %s messages=%" PRIu64 " bytes=%" PRIu64
			    " usec_per_trip=%.1f eagain=%" PRIu64 " enobufs=%" PRIu64 "\n",
			    good ? "ok" : "bad", seq, bytes,
			    seq ? seconds * 1e6 / double(seq) : 0.0, soft_.eagain.load(),
			    soft_.enobufs.load());
		return good ? 0 : 1;
	}

private:
	bool answer()
	{
		do {
			if (!await_message(socket_, buffer_, got_, soft_, set_.timeout_ms)) {
				std::fprintf(stderr, "rds-echo: no answer\n");
				return false;
			}
		} while (got_.from == set_.remote && is_hello());
		if (!(got_.from == set_.remote)) {
			std::fprintf(stderr, "rds-echo: answer from %s\n",
				     got_.from.text().c_str());
			return false;
		}
		return true;
	}

	/*
	 * The server may not be there yet, and what is sent to nobody is dropped without a word:
	 * say hello until it comes back. More than one may come back; answer() passes over the
	 * rest.
	 */
	bool greet()
	{
		constexpr int again_ms = 250;

		for (int waited = 0; waited < set_.timeout_ms; waited += again_ms) {
			socket_.send_patiently(set_.remote, hello(), soft_);
			if (await_message(socket_, buffer_, got_, soft_, again_ms) && is_hello())
				return true;
		}
		std::fprintf(stderr, "rds-echo: nobody answers\n");
		return false;
	}

	std::vector<std::uint8_t> hello() const
	{
		return control_message(message_type::hello, set_.plan.seed);
	}

	bool is_hello() const
	{
		return std::ranges::equal(hello(), std::span(buffer_.data(), got_.size));
	}

	bool round_trip(std::uint64_t seq)
	{
		socket_.send_patiently(set_.remote, message_, soft_);
		if (!answer())
			return false;
		if (got_.truncated || got_.size != message_.size() ||
		    !std::equal(message_.begin(), message_.end(), buffer_.begin())) {
			std::fprintf(stderr,
				     "rds-echo: message %" PRIu64 " of %zu bytes came back as "
				     "something else, of %zu bytes\n",
				     seq, message_.size(), got_.size);
			return false;
		}
		return true;
	}

	bool stop_server()
	{
		socket_.send_patiently(set_.remote,
				       control_message(message_type::stop, set_.plan.count), soft_);
		return answer() &&
		       control_body<std::uint64_t>(message_type::ack, {buffer_.data(), got_.size});
	}

	const client_settings &set_;
	rds_socket socket_;
	soft_errors soft_;
	received got_;
	std::vector<std::uint8_t> buffer_, message_;
};

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	bool pingpong = args.flag("--pingpong");
	endpoint local = args.address_and_port("--bind");
	int timeout_ms = static_cast<int>(args.number("--timeout", 20, 86400) * 1000);

	if (!pingpong) {
		std::size_t largest = args.number("--largest", 65536, max_message);
		auto sockets = static_cast<unsigned>(args.number("--sockets", 1, 1024));
		args.finish();
		return server(local, sockets, largest).run(timeout_ms);
	}

	auto sizes = size_spec::parse(args.text("--sizes", "mix"));
	if (!sizes)
		args.fail("--sizes is not understood");
	client_settings set{
		local, args.address_and_port("--to"), {}, timeout_ms, args.flag("--stop")};
	set.plan = {args.number("--seed", 1), args.number("--count", 1000), 0, local.port(),
		    *sizes};
	args.finish();
	return client(set).run();
}
