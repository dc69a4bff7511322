package sign

// fieldID is a documented field of a callback (API document, section 6). Their
// order is that of the bytes of their names, in which they are signed.
type fieldID uint8

const (
	amount fieldID = iota
	fee
	orderID
	platOrderID
	remark
	reverse
	signature
	status

	fields     = iota
	otherField = fieldID(fields)
)

// Names of the fields of a callback, and the name no field may have.
const (
	fieldAmount      = "amount"
	fieldFee         = "fee"
	fieldOrderID     = "orderId"
	fieldPlatOrderID = "platOrderId"
	fieldRemark      = "remark"
	fieldReverse     = "reverse"
	fieldSign        = "sign"
	fieldStatus      = "status"

	fieldKey = "key"
)

var fieldNames = [fields]string{
	amount: fieldAmount, fee: fieldFee, orderID: fieldOrderID, platOrderID: fieldPlatOrderID,
	remark: fieldRemark, reverse: fieldReverse, signature: fieldSign, status: fieldStatus,
}

// fieldOf is the documented field of exactly this name, or otherField.
func fieldOf(name string) fieldID {
	switch name {
	case fieldAmount:
		return amount
	case fieldFee:
		return fee
	case fieldOrderID:
		return orderID
	case fieldPlatOrderID:
		return platOrderID
	case fieldRemark:
		return remark
	case fieldReverse:
		return reverse
	case fieldSign:
		return signature
	case fieldStatus:
		return status
	default:
		return otherField
	}
}

// fieldSet is a set of documented fields.
type fieldSet uint8

func (s fieldSet) has(f fieldID) bool { return s&(1<<f) != 0 }
func (s *fieldSet) add(f fieldID)     { *s |= 1 << f }
