package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/settlehook/settlehook/pkg/events"
)

// Booking is one line of the journal.
type Booking struct {
	ID        string           `json:"id"` // of the event: unique
	Day       string           `json:"day"`
	Merchant  string           `json:"merchant"`
	Order     string           `json:"order"`
	Direction events.Direction `json:"direction"`
	Amount    events.Amount    `json:"amount"`
	Net       events.Amount    `json:"net,omitzero"` // absent: unknown, never zero
	Currency  string           `json:"currency"`
}

// Journal is a file of bookings, each there once. It stands for the table of a
// real service, where the event id has a unique constraint and is inserted in
// the transaction that books. One process may have it open.
type Journal struct {
	file   *os.File
	booked map[string]bool
}

// OpenJournal reads which events are booked.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: file, booked: map[string]bool{}}
	if err := j.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

// read leaves the file at the end of its last whole line: a crash may have cut
// the line behind, whose event was never acknowledged and comes again.
func (j *Journal) read() error {
	whole := int64(0)
	lines := bufio.NewReader(j.file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var b Booking
		if err := json.Unmarshal(bytes.TrimSpace(line), &b); err != nil {
			return err
		}
		j.booked[b.ID] = true
		whole += int64(len(line))
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err := j.file.Seek(whole, io.SeekStart)
	return err
}

// Book writes a booking unless its event is booked already, and returns once
// it is on disk. After an error the journal is not usable: open it again.
func (j *Journal) Book(b Booking) (isNew bool, err error) {
	if j.booked[b.ID] {
		return false, nil
	}
	line, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return false, err
	}
	if err := j.file.Sync(); err != nil {
		return false, err
	}
	j.booked[b.ID] = true
	return true, nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
