// Takes connections at an address and hands each to another one: how the host reaches the example's
// web application, in a cluster that has no load balancer.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"time"
)

const (
	tries     = 3
	dialLimit = 2 * time.Second
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go hand(client, os.Args[2])
	}
}

func hand(client net.Conn, address string) {
	defer client.Close()
	server, err := dial(address)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, server)
}

// Nothing is sent yet, so another pod may be tried.
func dial(address string) (server net.Conn, err error) {
	for range tries {
		if server, err = net.DialTimeout("tcp", address, dialLimit); err == nil {
			return
		}
	}
	return
}
