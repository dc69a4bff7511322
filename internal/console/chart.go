package console

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Charts are drawn here and not in the browser: they are there without a script,
// and the same numbers stand in a table below.

// The size of a chart, in its own units.
const (
	chartWidth, chartHeight = 720, 200
	chartLeft, chartRight   = 68, 8
	chartTop, chartBottom   = 10, 22
	plotWidth               = chartWidth - chartLeft - chartRight
	plotHeight              = chartHeight - chartTop - chartBottom
	plotFloor               = chartHeight - chartBottom
)

// tick is a line of an axis.
type tick struct {
	At   float64
	Text string
}

// bar is a part of an hour's column.
type bar struct {
	Kind       string // of the outcome, for its colour
	X, Y, W, H string
}

// column is an hour.
type column struct {
	Title string
	X, W  string // of the whole hour, for the pointer
	Bars  []bar
}

// outcomeChart is a column for each hour.
type outcomeChart struct {
	Width, Height, Left, Right, Top, Floor, Plot int
	Columns                                      []column
	Y, X                                         []tick
}

// frame are the measures of both charts.
func frame() outcomeChart {
	return outcomeChart{
		Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth - chartRight, Top: chartTop, Floor: plotFloor, Plot: plotHeight,
	}
}

func px(v float64) string { return fmt.Sprintf("%.1f", v) }

func chartOutcomes(d day) outcomeChart {
	c := frame()
	most := 1
	for _, h := range d.Hours {
		most = max(most, h.Total())
	}
	top := roundUp(most)
	scale := float64(plotHeight) / float64(top)
	for _, part := range []float64{0, 0.5, 1} {
		if v := float64(top) * part; v == math.Trunc(v) {
			c.Y = append(c.Y, tick{float64(plotFloor) - v*scale, fmt.Sprintf("%.0f", v)})
		}
	}
	wide := float64(plotWidth) / float64(len(d.Hours))
	for i, h := range d.Hours {
		x, y := chartLeft+float64(i)*wide, float64(plotFloor)
		col := column{X: px(x), W: px(wide), Title: hourTitle(h)}
		for _, part := range []struct {
			kind string
			n    int
		}{{"settled", h.Settled}, {"failed", h.Failed}, {"reversed", h.Reversed}, {"expired", h.Expired}, {"review", h.Review}} {
			if part.n == 0 {
				continue
			}
			high := float64(part.n) * scale
			y -= high
			col.Bars = append(col.Bars, bar{part.kind, px(x + wide*0.12), px(y), px(wide * 0.76), px(high)})
		}
		c.Columns = append(c.Columns, col)
	}
	c.X = hourTicks(d, wide)
	return c
}

// hourTicks name every fourth hour.
func hourTicks(d day, wide float64) (ticks []tick) {
	for i, h := range d.Hours {
		if h.At.Hour()%4 == 0 {
			ticks = append(ticks, tick{chartLeft + (float64(i)+0.5)*wide, h.At.Format("15:04")})
		}
	}
	return ticks
}

func hourTitle(h toldHour) string {
	return fmt.Sprintf("%s to %s UTC: %d settled, %d failed, %d reversed, %d expired, %d in review",
		h.At.Format("15:04"), h.At.Add(time.Hour).Format("15:04"), h.Settled, h.Failed, h.Reversed, h.Expired, h.Review)
}

// roundUp is the next number with one digit before its zeros, of those whose half
// reads well.
func roundUp(n int) int {
	for unit := 1; ; unit *= 10 {
		for _, first := range []int{1, 2, 4, 6, 8} {
			if first*unit >= n {
				return first * unit
			}
		}
	}
}

// latencyChart is two lines, over a scale of powers.
type latencyChart struct {
	outcomeChart // its frame, axes and titles
	Lines        []latencyLine
}

// latencyLine is one quantile: pieces, since there are hours without any.
type latencyLine struct {
	Name   string
	Pieces []string // of points
	Dots   []dot
}

type dot struct{ X, Y string }

// marks of the scale, from which it takes as many as it needs.
var latencies = []time.Duration{
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour,
}

func chartLatency(d day) latencyChart {
	c := latencyChart{outcomeChart: frame()}
	low, high := latencyBounds(d)
	floor, top := math.Log(float64(latencies[low])), math.Log(float64(latencies[high]))
	y := func(v time.Duration) float64 {
		share := (math.Log(float64(v)) - floor) / (top - floor)
		return float64(plotFloor) - min(max(share, 0), 1)*plotHeight
	}
	for _, v := range latencies[low : high+1] {
		c.Y = append(c.Y, tick{y(v), lasting(v)})
	}
	wide := float64(plotWidth) / float64(len(d.Hours))
	c.X = hourTicks(d, wide)
	for _, q := range []struct {
		name string
		of   func(toldHour) time.Duration
	}{{"p95", func(h toldHour) time.Duration { return h.P95 }}, {"p50", func(h toldHour) time.Duration { return h.P50 }}} {
		line := latencyLine{Name: q.name}
		var piece []string
		for i, h := range d.Hours {
			if !h.Latency() {
				line.Pieces, piece = append(line.Pieces, strings.Join(piece, " ")), nil
				continue
			}
			p := dot{px(chartLeft + (float64(i)+0.5)*wide), px(y(q.of(h)))}
			piece = append(piece, p.X+","+p.Y)
			line.Dots = append(line.Dots, p)
		}
		line.Pieces = append(line.Pieces, strings.Join(piece, " "))
		c.Lines = append(c.Lines, line)
	}
	return c
}

// latencyBounds are the marks that all values lie between.
func latencyBounds(d day) (low, high int) {
	low, high = len(latencies)-1, 0
	for _, h := range d.Hours {
		if !h.Latency() {
			continue
		}
		for low > 0 && latencies[low] > h.P50 {
			low--
		}
		for high < len(latencies)-1 && latencies[high] < h.P95 {
			high++
		}
	}
	if low >= high {
		low, high = 1, 4
	}
	return low, high
}

// lasting is a time span in short.
func lasting(d time.Duration) string {
	switch {
	case d <= 0:
		return "–"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.3g min", d.Minutes())
	}
	return fmt.Sprintf("%.3g h", d.Hours())
}
