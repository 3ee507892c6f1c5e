// Shows short messages in a corner and reads them to screen readers.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useApp } from "./context";
import { Icon } from "./icons";

export function NoticeList(): JSX.Element {
  const { notices, dialog } = useApp();
  const layer = useRef<HTMLDivElement>(null);
  const count = notices.list.value.length;
  // What is shown last lies on top: above a dialog that is open, too.
  useEffect(() => {
    const element = layer.current!;
    element.hidePopover();
    if (count > 0) element.showPopover();
  }, [count, dialog.value]);
  return (
    <div ref={layer} class="notices" popover="manual" role="status" aria-live="polite" data-testid="notices">
      {notices.list.value.map((notice) => (
        <div key={notice.id} data-kind={notice.kind} class={`notice notice-${notice.kind}`} data-testid="notice">
          <div class="notice-text">
            <strong>{notice.text}</strong>
            {notice.hint !== "" && <span>{notice.hint}</span>}
            {notice.action !== null && (
              <button class="link-button" onClick={() => notice.action?.run()}>{notice.action.label}</button>
            )}
          </div>
          <button class="icon-button" aria-label="Dismiss" onClick={() => notices.dismiss(notice.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
