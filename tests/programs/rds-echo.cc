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
	"usage: rds-echo --bind A:P [--timeout S] [--largest N]\n"
	"       rds-echo --pingpong --bind A:P --to B:Q [--count N] [--sizes WHAT]\n"
	"                [--seed S] [--timeout S] [--stop]\n"
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

int serve(const endpoint &local, int timeout_ms, std::size_t largest)
{
	rds_socket socket;
	soft_errors soft;
	received got;
	std::vector<std::uint8_t> buffer(max_message + 1);
	std::uint64_t echoed = 0;

	socket.raise_sndbuf(largest);
	socket.bind(local);
	std::printf("ready echo %s\n", local.text().c_str());
	std::fflush(stdout);

	while (await_message(socket, buffer, got, soft, timeout_ms)) {
		std::span<const std::uint8_t> message(buffer.data(), got.size);
		/*
		 * From port 0 comes only the kernel's answer to a ping; and some are too large for
		 * us.
		 */
		if (!got.from.port() || got.truncated || got.size > largest)
			continue;
		if (control_body<std::uint64_t>(message_type::stop, message)) {
			std::size_t size = socket.shrink_sndbuf();
			socket.wait_until_acknowledged();
			socket.send_patiently(got.from,
					      control_message(message_type::ack, echoed, size),
					      soft);
			socket.wait_until_acknowledged();
			std::printf("result echo ok messages=%" PRIu64 "\n", echoed);
			return 0;
		}
		socket.send_patiently(got.from, message, soft);
		echoed++;
	}
	std::printf("result echo timeout messages=%" PRIu64 "\n", echoed);
	return 1;
}

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
		args.finish();
		return serve(local, timeout_ms, largest);
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
