/* SPDX-License-Identifier: GPL-2.0 */
/* Small parts of the socket interface that its files share. */
#pragma once

#include "rds.h"

namespace rds {

/* The sleeping socket lock, for a scope. */
class [[nodiscard]] socket_guard : kernel::pinned {
public:
	explicit socket_guard(rds_sock *rs) : m_rs(rs) { kernel_sock_lock(rs); }
	~socket_guard() { kernel_sock_unlock(m_rs); }

private:
	rds_sock *m_rs;
};

/* Every socket of a namespace; the list's lock is held around @f. */
template <typename F>
void each_sock(rds_net *rn, F f)
{
	kernel::guard hold(rn->socks_lock);
	for (list_head *n = rn->socks_head.next; n != &rn->socks_head; n = n->next)
		f(kernel::container<rds_sock, list_head>(n, &rds_sock::all_item));
}

/* Part of a peer's key; a destination without a scope is on the socket's own link. */
inline u32 peer_if_index(const rds_sock *rs, const in6_addr &to, u32 scope)
{
	if (!addr_is_link_local(to) && !addr_is_link_local(rs->addr))
		return 0;
	return scope ? scope : rs->scope;
}

/* Is a present name usable as a destination? socket.md 2.1. Return: 0 or -EINVAL. */
int check_send_name(const rds_name &name);

} // namespace rds
