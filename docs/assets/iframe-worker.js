// Pages that are opened from disk may start no worker, and the search of the site is one.
// Here a frame that nobody sees does a worker's work instead; with a server nothing is changed.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      window.addEventListener("message", (event) => {
        if (event.source !== this.frame.contentWindow) return;
        // A copy, as of a worker: what both sides hold must not change under the hands of the other.
        const answer = new MessageEvent("message", { data: structuredClone(event.data) });
        this.dispatchEvent(answer);
        if (this.onmessage) this.onmessage(answer);
      });
      this.ready = new Promise((resolve) => this.frame.addEventListener("load", resolve, { once: true }));
      const page = this.frame.contentDocument;
      page.open();
      // What the worker says goes to the page, whose address is that of the worker's own folder.
      page.write(`<script>postMessage = (data) => parent.dispatchEvent(
        new MessageEvent("message", { data, source: window }))</script><script src="${url}"></script>`);
      page.close();
    }
    postMessage(data) {
      const copy = structuredClone(data);
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: copy })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
