// Package cashier is the payment page of the sandbox gateway: what a payer sees
// at the url that /collect/create returns. A person pays an order there, pays
// too little or too much, or lets the payment fail, and goes back to the
// merchant's callbackUrl.
//
// The page is rendered here and needs no script and nothing from elsewhere.
// What it knows and does goes through a [Desk]; money moves only there.
//
// A payment is answered with a redirect to the page itself, which shows the
// result and then moves on to the merchant by a refresh. Redirecting to the
// merchant at once would not work: browsers hold the redirects of a form to the
// page's form-action policy, which would have to name every merchant.
package cashier
