/**
 * What one may want to send. `{id}` becomes a number that is new each time, `{room}` the room last used.
 * @type {{group: string, items: {name: string, kind?: 'text'|'binary', payload: string}[]}[]}
 */
export const frameTemplates = [
  {
    group: 'Messages of realtime.json.v1',
    items: [
      { name: 'Join a room', payload: '{"type":"join","id":"{id}","room":"{room}"}' },
      { name: 'Join with the last messages', payload: '{"type":"join","id":"{id}","room":"{room}","last":10}' },
      { name: 'Join and resume from a position', payload: '{"type":"join","id":"{id}","room":"{room}","epoch":"","seq":0}' },
      { name: 'Join with data, and learn who is there', payload: '{"type":"join","id":"{id}","room":"{room}","data":{"status":"away"},"presence":"members"}' },
      { name: 'Change the data that the others see', payload: '{"type":"update","id":"{id}","room":"{room}","data":{"status":"busy"}}' },
      { name: 'Message to the room', payload: '{"type":"message","id":"{id}","room":"{room}","content":"hello"}' },
      { name: 'Message without an echo', payload: '{"type":"message","id":"{id}","room":"{room}","content":"hello","echo":false}' },
      { name: 'Ephemeral message', payload: '{"type":"message","id":"{id}","room":"{room}","ephemeral":true,"key":"typing","content":"typing"}' },
      { name: 'Message with data', payload: '{"type":"message","id":"{id}","room":"{room}","content":"","data":{"x":1,"y":2}}' },
      { name: 'Message to a user', payload: '{"type":"message","id":"{id}","to":"bob","content":"psst"}' },
      { name: "Ask for the user's inbox", payload: '{"type":"inbox","id":"{id}"}' },
      { name: 'Ask for the inbox and resume from a position', payload: '{"type":"inbox","id":"{id}","epoch":"","seq":0}' },
      { name: 'Who is in the room', payload: '{"type":"members","id":"{id}","room":"{room}","limit":100}' },
      { name: 'Call a method', payload: '{"type":"call","id":"{id}","method":"orders.get","data":{"number":7}}' },
      { name: 'Answer a call of the server', payload: '{"type":"result","id":"1","data":true}' },
      { name: 'Leave the room', payload: '{"type":"leave","id":"{id}","room":"{room}"}' },
      { name: 'Ping', payload: '{"type":"ping","id":"{id}"}' },
    ],
  },
  {
    group: 'What the server must refuse',
    items: [
      { name: 'Not JSON', payload: 'hello' },
      { name: 'Unknown type', payload: '{"type":"dance","id":"{id}"}' },
      { name: 'Message to a room not joined', payload: '{"type":"message","id":"{id}","room":"elsewhere","content":"hello"}' },
    ],
  },
  {
    group: 'For /ws/echo and own endpoints',
    items: [
      { name: 'Plain text', payload: 'hello' },
      { name: 'Binary, five bytes', kind: 'binary', payload: '48 65 6c 6c 6f' },
    ],
  },
];

/**
 * The HTTP API of a front.
 * @type {{name: string, method: string, path: string, body?: object}[]}
 */
export const httpTemplates = [
  { name: 'Send to a room', method: 'POST', path: '/api/rooms/{room}/messages', body: { from: 'service', content: 'hi from HTTP' } },
  { name: 'Send to a user', method: 'POST', path: '/api/users/{user}/messages', body: { from: 'service', content: 'only for you' } },
  { name: 'Rooms', method: 'GET', path: '/api/rooms?limit=100' },
  { name: 'A room', method: 'GET', path: '/api/rooms/{room}' },
  { name: 'Members of a room', method: 'GET', path: '/api/rooms/{room}/members?limit=100' },
  { name: 'A user', method: 'GET', path: '/api/users/{user}' },
  { name: 'Put a user into a room', method: 'PUT', path: '/api/rooms/{room}/users/{user}' },
  { name: 'Take a user out of a room', method: 'DELETE', path: '/api/rooms/{room}/users/{user}' },
  { name: 'Disconnect a user', method: 'POST', path: '/api/users/{user}/disconnect', body: { reason: 'tidying up' } },
  { name: 'Send to everybody', method: 'POST', path: '/api/messages', body: { from: 'service', content: 'hi all' } },
  { name: 'Connections', method: 'GET', path: '/api/connections?limit=100' },
  { name: 'The cluster', method: 'GET', path: '/api/cluster' },
  { name: 'Description (OpenAPI)', method: 'GET', path: '/openapi/v1.json' },
  { name: 'Alive?', method: 'GET', path: '/health/live' },
  { name: 'Ready?', method: 'GET', path: '/health/ready' },
  { name: 'Metrics', method: 'GET', path: '/metrics' },
];
