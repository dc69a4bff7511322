package natsmon

import (
	"context"
	"fmt"
	"maps"
	"net/url"
)

// How many connections are read of one server, at most.
const (
	connectionsPage  = 512
	connectionsPages = 16
)

type connz struct {
	ID    string `json:"server_id"`
	Total int    `json:"total"`
	Conns []struct {
		Name string `json:"name"`
	} `json:"connections"`
}

// Connections counts the clients' connections to all servers by the name that
// each client gave. The error is that of [Client.Servers]; those that told are
// counted.
func (c *Client) Connections(ctx context.Context) (map[string]int, error) {
	all, err := each(ctx, c, c.connections, func(l clients) (id, name string) { return l.server, "" })
	sum := map[string]int{}
	for _, l := range all {
		for name, n := range maps.All(l.names) {
			sum[name] += n
		}
	}
	return sum, err
}

// clients are one server's.
type clients struct {
	server string
	names  map[string]int
}

func (c *Client) connections(ctx context.Context, u *url.URL, at string) (clients, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	client, closeIdle := clientFor(at)
	defer closeIdle()
	found := clients{names: map[string]int{}}
	for page := range connectionsPages {
		var answer connz
		query := fmt.Sprintf("limit=%d&offset=%d", connectionsPage, page*connectionsPage)
		if _, err := c.ask(ctx, client, u, "/connz", query, &answer); err != nil {
			return clients{}, err
		}
		found.server = answer.ID
		for _, one := range answer.Conns {
			found.names[one.Name]++
		}
		if (page+1)*connectionsPage >= answer.Total {
			return found, nil
		}
	}
	return clients{}, fmt.Errorf("it has more than %d connections", connectionsPage*connectionsPages)
}
