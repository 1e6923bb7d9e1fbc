import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { RealtimeClient } from 'realtime-client';
import { useRoom } from './useRoom.js';

const user = `guest-${Math.floor(Math.random() * 1000)}`;
const client = new RealtimeClient({ url: 'ws://127.0.0.1:5080/ws', user }); // outside Development a token
client.connect();

function Chat({ name }) {
  const { room, messages, state, joined, error } = useRoom(client, name, { last: 20, state: true });
  const [text, setText] = useState('');
  const say = event => {
    event.preventDefault();
    room.publish(text);
    setText('');
  };
  const topic = state?.get('topic')?.data ?? '';
  return (
    <section>
      <h1>{name} <small>{error ? error.message : joined ? `${joined.members} here` : 'connecting …'}</small></h1>
      <p><label>Topic <input value={topic} onChange={event => room.set('topic', event.target.value)} /></label></p>
      <ol>{messages.filter(({ key }) => !key).map(({ epoch, seq, from, content }) => <li key={`${epoch}-${seq}`}>{from}: {content}</li>)}</ol>
      <form onSubmit={say}><input aria-label="Message" value={text} onChange={event => setText(event.target.value)} /> <button>Send</button></form>
    </section>
  );
}

createRoot(document.getElementById('app')).render(<Chat name="react" />);
