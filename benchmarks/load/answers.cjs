// Has Artillery's report tell of each answer that was no success: when, its status, from whom, and its words.
'use strict';

const MOST_LETTERS = 120;
const began = Date.now();
let listening = false;

function words(body) {
  let told = body;
  try {
    told = JSON.parse(body).error || body;
  } catch {
    // nginx's own answers are pages
  }
  return String(told).replace(/<[^>]*>|\s+/g, ' ').trim().slice(0, MOST_LETTERS);
}

// A step before a user's first request; all users share one source of events.
exports.tellOfFailures = function tellOfFailures(context, events, done) {
  if (!listening) {
    listening = true;
    events.on('trace:http:response', (answer) => {
      if (answer.statusCode < 300) return;
      const second = Math.round((Date.now() - began) / 1000);
      const from = answer.headers['x-server-id'] || 'nginx';
      let body = '';
      answer.on('data', (part) => { body += part; });
      answer.on('end', () => {
        events.emit('counter', `told.${second} ${answer.statusCode} of ${from}: ${words(body)}`, 1);
      });
    });
  }
  done();
};
