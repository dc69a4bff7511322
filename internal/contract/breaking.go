package contract

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Breaking returns what in new, an AsyncAPI document of this package, breaks
// somebody who relies on old: readers of every channel, and on channels that
// settlehook receives the publishers too. It is empty where new only adds.
//
// Readers may switch on every value of an enum, so one more breaks them as one
// less does; what may grow has a pattern instead. Of two patterns nobody can say
// which is wider: a changed one is refused.
func Breaking(old, new []byte) ([]string, error) {
	before, err := open(old)
	if err != nil {
		return nil, fmt.Errorf("the published contract: %w", err)
	}
	now, err := open(new)
	if err != nil {
		return nil, fmt.Errorf("the contract: %w", err)
	}
	c := comparison{old: before, new: now}
	c.channels()
	slices.Sort(c.broken)
	return c.broken, nil
}

// parsed is a document whose references can be followed.
type parsed struct{ root object }

func open(text []byte) (parsed, error) {
	v, err := decode(text)
	if err != nil {
		return parsed{}, err
	}
	root, is := v.(object)
	if _, there := root["channels"].(object); !is || !there {
		return parsed{}, errors.New("it is no AsyncAPI document with channels")
	}
	return parsed{root}, nil
}

// at returns the object under a name, which may be a reference to another.
func (p parsed) at(in object, name string) object {
	o, _ := in[name].(object)
	return p.follow(o)
}

func (p parsed) follow(o object) object {
	for {
		to, is := o["$ref"].(string)
		if !is {
			return o
		}
		o = p.root
		for _, part := range strings.Split(strings.TrimPrefix(to, "#/"), "/") {
			o, _ = o[part].(object)
		}
	}
}

// operation is what settlehook does on a channel.
func (p parsed) action(channel string) string {
	operations := p.at(p.root, "operations")
	for name := range operations {
		operation := p.at(operations, name)
		on, _ := operation["channel"].(object)
		if on["$ref"] == "#/channels/"+channel {
			action, _ := operation["action"].(string)
			return action
		}
	}
	return ""
}

// comparison gathers what is broken.
type comparison struct {
	old, new parsed
	broken   []string
	// written: others publish what is compared, so that nothing may be asked
	// for that was not before.
	written bool
}

func (c *comparison) breaks(where, format string, args ...any) {
	c.broken = append(c.broken, where+": "+fmt.Sprintf(format, args...))
}

// channels compares by address: the name of a channel is the document's own.
func (c *comparison) channels() {
	was, is := byAddress(c.old), byAddress(c.new)
	for _, address := range slices.Sorted(maps.Keys(was)) {
		oldName, newName := was[address], is[address]
		if newName == "" {
			c.breaks(address, "the channel is gone")
			continue
		}
		action := c.old.action(oldName)
		if now := c.new.action(newName); now != action {
			c.breaks(address, "settlehook did %q, and now does %q", action, now)
		}
		c.written = action == receives
		c.channel(address, c.old.at(c.old.at(c.old.root, "channels"), oldName), c.new.at(c.new.at(c.new.root, "channels"), newName))
	}
}

func byAddress(p parsed) map[string]string {
	names := map[string]string{}
	channels := p.at(p.root, "channels")
	for name := range channels {
		address, _ := p.at(channels, name)["address"].(string)
		names[address] = name
	}
	return names
}

func (c *comparison) channel(where string, old, new object) {
	if was, is := c.old.at(old, "x-jetstream")["stream"], c.new.at(new, "x-jetstream")["stream"]; was != is {
		c.breaks(where, "it was in the stream %v, and is in %v", was, is)
	}
	parameters, now := c.old.at(old, "parameters"), c.new.at(new, "parameters")
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		c.parameter(where+" {"+name+"}", c.old.at(parameters, name), c.new.at(now, name))
	}
	c.messages(where, byName(c.old, old), byName(c.new, new))
}

func (c *comparison) parameter(where string, old, new object) {
	c.values(where, old["enum"], new["enum"])
	if old["x-pattern"] != new["x-pattern"] {
		c.breaks(where, "its pattern was %v, and is %v", old["x-pattern"], new["x-pattern"])
	}
}

func byName(p parsed, channel object) map[string]object {
	named := map[string]object{}
	messages := p.at(channel, "messages")
	for key := range messages {
		m := p.at(messages, key)
		name, _ := m["name"].(string)
		named[name] = m
	}
	return named
}

func (c *comparison) messages(where string, old, new map[string]object) {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		where := where + " " + name
		was, is := old[name], new[name]
		if is == nil {
			c.breaks(where, "the message is gone")
			continue
		}
		if was["contentType"] != is["contentType"] {
			c.breaks(where, "its content type was %v, and is %v", was["contentType"], is["contentType"])
		}
		c.schema(where+" header", c.old.at(was, "headers"), c.new.at(is, "headers"))
		c.schema(where, c.old.at(was, "payload"), c.new.at(is, "payload"))
	}
	// On a channel whose readers know all its messages, one more is one that
	// they can't read.
	for _, name := range slices.Sorted(maps.Keys(new)) {
		if old[name] == nil {
			c.breaks(where+" "+name, "the message is new on a channel that is published")
		}
	}
}
