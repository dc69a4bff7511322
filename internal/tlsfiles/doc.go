// Package tlsfiles keeps TLS going by certificate files that change: certificates
// live for weeks, and processes for months. Nothing has to restart for a new
// one. What can't be read is no reason to stop either: the files before stay in
// force, and a log line says so.
package tlsfiles
