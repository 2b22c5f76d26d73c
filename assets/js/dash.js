// What these scripts use of Dash in the browser. Dash calls registered functions by namespace and name; it renders the
// page once every module has run (geta_studio/server/assets.py), so none is called before it is there.

const clientside = (window.dash_clientside = window.dash_clientside || {});

/** Set properties of the component with this id, as the answer of a callback would. */
export function setProps(id, props) {
  clientside.set_props(id, props);
}

/** What a clientside callback returns to leave its output as it is. */
export function noUpdate() {
  return clientside.no_update;
}

/** The id of the component whose change called the clientside callback that runs now. */
export function triggeredId() {
  return clientside.callback_context.triggered_id;
}

/** Make functions known to Dash: `ClientsideFunction(namespace, name)` in Python calls one. */
export function register(namespace, functions) {
  clientside[namespace] = functions;
}
