// The service: questions with a token where one is needed, and the stream of changes.

const TOKEN = "fleetfold-token";
const headers = () => {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { authorization: `Bearer ${token}` } : {};
};

export const setToken = (token) => sessionStorage.setItem(TOKEN, token);

export class ServiceError extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(Object.entries(parameters)).toString();
  const answer = await fetch(`v1/${path}${query ? `?${query}` : ""}`, { headers: headers(), cache: "no-cache", signal });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new ServiceError(answer.status, problem.detail ?? answer.statusText);
  }
  return answer.json();
}

const PAUSE_MS = 1000, PAUSE_MAX_MS = 15000, SILENCE_MS = 8000;

// Follow for ever. `EventSource` cannot show a token, so the stream is read by hand: the same format, the same
// Last-Event-ID. The service says its status every 2 s; a longer silence is a broken connection.
export async function follow(onEvent, onBroken) {
  let last = "", pause = PAUSE_MS;
  for (;;) {
    const breaker = new AbortController();
    let timer = setTimeout(() => breaker.abort(), SILENCE_MS);
    try {
      const answer = await fetch("v1/stream", {
        headers: { ...headers(), ...(last && { "last-event-id": last }) }, cache: "no-store", signal: breaker.signal,
      });
      if (!answer.ok) throw new ServiceError(answer.status, answer.statusText);
      for await (const event of events(answer.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => breaker.abort(), SILENCE_MS);
        last = event.id;
        pause = PAUSE_MS;
        onEvent(event.name, event.data);
      }
      throw new Error("the stream ended");
    } catch (error) {
      onBroken(error);
    } finally {
      clearTimeout(timer);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, PAUSE_MAX_MS);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").map((line) => {
        const at = line.indexOf(": ");
        return [line.slice(0, at), line.slice(at + 2)];
      }));
      yield { id: fields.id, name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
