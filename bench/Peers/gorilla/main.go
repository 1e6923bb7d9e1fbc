// gorilla/websocket for Go, in the way of its chat example: a hub for each room, and for each connection a goroutine that
// reads and one that writes. What has gathered for a connection goes out as one frame, the messages apart by newlines.
package main

import (
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

const (
	queueLength = 256   // messages that a connection may be behind, as in the example
	mostBytes   = 65536 // of a message, the most that the generator sends
)

type member struct {
	socket *websocket.Conn
	queue  chan []byte
}

type hub struct {
	join, leave chan *member
	say         chan []byte
}

func newHub() *hub {
	h := &hub{join: make(chan *member), leave: make(chan *member), say: make(chan []byte)}
	go h.run()
	return h
}

func (h *hub) run() {
	members := map[*member]struct{}{}
	for {
		select {
		case m := <-h.join:
			members[m] = struct{}{}
		case m := <-h.leave:
			if _, isIn := members[m]; isIn {
				delete(members, m)
				close(m.queue)
			}
		case message := <-h.say:
			for m := range members {
				select {
				case m.queue <- message:
				default: // a slow consumer
					delete(members, m)
					close(m.queue)
				}
			}
		}
	}
}

func (m *member) read(h *hub) {
	defer func() {
		h.leave <- m
		m.socket.Close()
	}()
	m.socket.SetReadLimit(mostBytes)
	for {
		_, message, err := m.socket.ReadMessage()
		if err != nil {
			return // it has gone; a close is answered by then
		}
		h.say <- message
	}
}

func (m *member) write() {
	defer m.socket.Close()
	for message := range m.queue {
		frame, err := m.socket.NextWriter(websocket.TextMessage)
		if err != nil {
			return
		}
		frame.Write(message)
		for more := len(m.queue); more > 0; more-- {
			frame.Write([]byte{'\n'})
			frame.Write(<-m.queue)
		}
		if frame.Close() != nil {
			return
		}
	}
}

func main() {
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024} // as in the example
	var lock sync.Mutex
	hubs := map[string]*hub{}
	http.HandleFunc("/r/", func(response http.ResponseWriter, request *http.Request) {
		socket, err := upgrader.Upgrade(response, request, nil)
		if err != nil {
			return // it has been answered
		}
		lock.Lock()
		h := hubs[request.URL.Path]
		if h == nil {
			h = newHub()
			hubs[request.URL.Path] = h
		}
		lock.Unlock()
		m := &member{socket: socket, queue: make(chan []byte, queueLength)}
		h.join <- m
		go m.write()
		go m.read(h)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
