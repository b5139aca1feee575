// SPDX-License-Identifier: GPL-2.0
/*
 * Where the rows are run: the loopback addresses, a cable abi0 - abi1 with this network namespace at one end and
 * another at the other, an address on that cable where nobody answers. Made once, by main; needs the program "ip"
 * and root, or a user who may make namespaces. One thread.
 */
#ifndef TESTS_ABI_WORLD_H
#define TESTS_ABI_WORLD_H

#include <string>

#include "probe.h"

constexpr int transport_loop = 3;

/* An address to run the rows on, with the transport that serves it. */
struct place {
	std::string name;
	endpoint address, other_family;
	int transport;

	endpoint at(std::uint16_t port = 0) const { return address.with_port(port); }
};

class world {
public:
	/* @user: give up root for ever, and make a user namespace and the network namespaces in it */
	explicit world(bool user);
	world(const world &) = delete;
	~world();

	const bool user;
	place loop, loop6, tcp, tcp6;
	/* this machine's address and the other's, either family; and nobody's */
	endpoint near, far, near6, far6, nobody;
	/* link-local addresses of this end; without and with scope */
	endpoint link, link_scoped, far_link_scoped;

	/* A socket of the other machine. */
	sock at_far(const endpoint &local) const;
	sock at_far() const;

	/* As long as it lives, nothing goes from here to the other machine's IPv4 address. */
	class cut {
	public:
		explicit cut(const world &w) : w_(w)
		{
			w_.run("ip route add blackhole 10.44.0.2/32");
		}
		cut(const cut &) = delete;
		~cut() { w_.run("ip route del blackhole 10.44.0.2/32"); }

	private:
		const world &w_;
	};

	/* From now on, whatever one of the two sends arrives at the other: no connection is just being made. */
	static bool linked(sock &a, sock &b);

private:
	void enter_user_namespace();
	void run(const std::string &command) const;
	void enter(int ns) const;

	int near_ns_ = -1, far_ns_ = -1;
};

#endif
