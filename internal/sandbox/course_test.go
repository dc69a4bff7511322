package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNamedCourses(t *testing.T) {
	for name, want := range map[string]struct {
		state, paid string
		changed     time.Duration
		pushes      int
	}{
		"":              {"submitted", "0.00", 0, 0},
		CourseSettled:   {"settled", "1000.00", 5 * time.Second, 1},
		CourseFailed:    {"failed", "0.00", 5 * time.Second, 1},
		CourseShortPaid: {"short-paid", "900.00", 5 * time.Second, 1},
		CourseReversed:  {"reversed", "1000.00", 65 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, &receiver{}, func(t *testing.T, s *Server) {
				course, err := Course(name, dec("1000.00"), "INR")
				if err != nil {
					t.Fatal(err)
				}
				from := time.Now()
				create(t, s, NewOrder{OrderID: "o1", Course: course})
				idle(t, s)
				r := record(t, s, "o1")
				if r.State != want.state || r.Paid.String() != want.paid || r.ChangedAt.Sub(from) != want.changed ||
					len(r.Pushes) != want.pushes || r.Note != "" || r.Accepted != (want.pushes > 0) {
					t.Fatalf("%+v", r)
				}
			})
		})
	}
	for _, amount := range []string{"0.01", "1"} {
		currency := map[string]string{"0.01": "INR", "1": "IDR"}[amount]
		if _, err := Course(CourseShortPaid, dec(amount), currency); !errors.Is(err, ErrInvalid) {
			t.Errorf("short-paid %s %s: error %v", amount, currency, err)
		}
	}
	if _, err := Course("odd", dec("1"), "INR"); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown course: error %v", err)
	}
}

// The reversal waits for the settled push to be taken, and comes after it.
func TestReversalWaitsForAcceptance(t *testing.T) {
	v := &receiver{answer: func(n int, _ received) (int, string) {
		if n < 3 {
			return 500, ""
		}
		return 200, "success"
	}}
	simulate(t, v, func(t *testing.T, s *Server) {
		from := time.Now()
		create(t, s, NewOrder{OrderID: "o1", Course: reversedCourse()})
		idle(t, s)
		// Settled at 5 s, taken at 5+105 s, reversed a minute later.
		if diff := cmp.Diff(seconds(5, 20, 50, 110, 170), offsets(v.all(), from)); diff != "" {
			t.Fatal(diff)
		}
		if r := record(t, s, "o1"); r.State != "reversed" || !r.Accepted || r.Note != "" {
			t.Fatalf("%+v", r)
		}
	})
}

func TestCourseEndsEarly(t *testing.T) {
	t.Run("no push accepted", func(t *testing.T) {
		simulate(t, &receiver{answer: always(500, "")}, func(t *testing.T, s *Server) {
			create(t, s, NewOrder{OrderID: "o1", Course: reversedCourse()})
			idle(t, s)
			if r := record(t, s, "o1"); r.State != "settled" || len(r.Pushes) != 8 || r.Note != "course ended early: no push was accepted" {
				t.Fatalf("%+v", r)
			}
		})
	})
	t.Run("changed by hand", func(t *testing.T) {
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			create(t, s, NewOrder{OrderID: "o1", Course: reversedCourse()})
			pass(time.Second)
			apply(t, s, "o1", Fail)
			idle(t, s)
			if r := record(t, s, "o1"); r.State != "failed" || len(r.Pushes) != 1 || r.Note != "course ended early: the order was changed by hand" {
				t.Fatalf("%+v", r)
			}
		})
	})
	t.Run("changed by hand, and the step planned would be possible", func(t *testing.T) {
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			course := []Step{{After: waitReversal, Change: Change{Action: Reverse}}}
			create(t, s, NewOrder{OrderID: "o1", Course: course})
			apply(t, s, "o1", Settle)
			idle(t, s)
			if r := record(t, s, "o1"); r.State != "settled" || r.Note != "course ended early: the order was changed by hand" {
				t.Fatalf("%+v", r)
			}
		})
	})
	t.Run("an impossible step", func(t *testing.T) {
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			course := append(failedCourse(waitOutcome), failedCourse(waitOutcome)...)
			create(t, s, NewOrder{OrderID: "o1", Course: course})
			idle(t, s)
			if r := record(t, s, "o1"); r.State != "failed" || r.Note != "course ended early: order o1 is failed and cannot fail" {
				t.Fatalf("%+v", r)
			}
		})
	})
	t.Run("nothing left to break off", func(t *testing.T) {
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			create(t, s, NewOrder{OrderID: "o1", Course: settledCourse(0)})
			idle(t, s)
			apply(t, s, "o1", Reverse)
			idle(t, s)
			if r := record(t, s, "o1"); r.State != "reversed" || r.Note != "" {
				t.Fatalf("%+v", r)
			}
		})
	})
}

func TestCreateOrderRefuses(t *testing.T) {
	s := newSandbox(t, func(c *Config) { c.MaxOrders = 1 })
	good := NewOrder{Merchant: "m1001", Flow: Collect, OrderID: "o1", Amount: dec("1000.00")}
	for name, change := range map[string]func(*NewOrder){
		"unknown merchant":     func(n *NewOrder) { n.Merchant = "m9" },
		"the account's name":   func(n *NewOrder) { n.Merchant = "8801" },
		"unknown flow":         func(n *NewOrder) { n.Flow = "refund" },
		"no amount":            func(n *NewOrder) { n.Amount = dec("0") },
		"too many digits":      func(n *NewOrder) { n.Amount = dec("1.005") },
		"decimals in IDR":      func(n *NewOrder) { n.Merchant, n.Amount = "m2", dec("1.5") },
		"id too long":          func(n *NewOrder) { n.OrderID = strings.Repeat("x", 33) },
		"id with a space":      func(n *NewOrder) { n.OrderID = "a b" },
		"id with &":            func(n *NewOrder) { n.OrderID = "a&b" },
		"platform id too long": func(n *NewOrder) { n.PlatOrderID = strings.Repeat("1", 65) },
		"negative wait":        func(n *NewOrder) { n.Course = settledCourse(-1) },
		"first waits for push": func(n *NewOrder) { n.Course = []Step{{WhenAccepted: true, Change: Change{Action: Settle}}} },
		"unknown change":       func(n *NewOrder) { n.Course = []Step{{Change: Change{Action: "x"}}} },
		"paid too fine":        func(n *NewOrder) { n.Course = shortPaidCourse(0, dec("0.001")) },
	} {
		n := good
		change(&n)
		if _, err := s.CreateOrder(t.Context(), n); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	create(t, s, good)
	other := good
	other.Flow = Pay
	if _, err := s.CreateOrder(t.Context(), other); !errors.Is(err, ErrDuplicateOrder) {
		t.Errorf("the same id in the other flow: error %v", err)
	}
	other.OrderID = "o2"
	if _, err := s.CreateOrder(t.Context(), other); !errors.Is(err, ErrBooksFull) {
		t.Errorf("full books: error %v", err)
	}
	if books := s.Books(); len(books) != 1 || books[0].OrderID != "o1" {
		t.Fatalf("%+v", books)
	}
}

// Jobs that are due at once keep their order, and a job may add others.
func TestAgendaOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, func(c *Config) { c.Pushers = 1 })
		base := time.Now()
		var ran []string
		job := func(name string) func(context.Context) { return func(context.Context) { ran = append(ran, name) } }
		s.agenda.add(base.Add(2*time.Second), job("c"))
		s.agenda.add(base.Add(time.Second), job("a"))
		s.agenda.add(base.Add(time.Second), func(context.Context) {
			ran = append(ran, "b")
			s.agenda.add(base.Add(3*time.Second), job("d"))
			s.agenda.add(base, job("b2"))
		})
		s.startWork()
		idle(t, s)
		if diff := cmp.Diff([]string{"a", "b", "b2", "c", "d"}, ran); diff != "" {
			t.Fatal(diff)
		}
		if got := time.Since(base); got != 3*time.Second {
			t.Fatalf("took %s", got)
		}
		s.agenda.add(time.Now().Add(time.Hour), job("never"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.WaitIdle(ctx); err == nil {
			t.Fatal("idle with a job planned")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitIdle(t.Context()); !errors.Is(err, ErrClosed) {
			t.Fatalf("error %v", err)
		}
	})
}
